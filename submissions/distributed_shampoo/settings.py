"""What both frameworks share besides blocks.py; README.md names the sources."""

from submissions.common.schedules import warmup_cosine

BATCH_SIZES = {"librispeech_conformer": 200, "librispeech_deepspeech": 224}


def schedule(point, step, num_steps):
    """Warm-up and cosine over the share `step_hint_factor` of the steps."""
    return warmup_cosine(point, step, int(point.step_hint_factor * num_steps))
