"""The published variant; README.md names the sources of its constants."""

from submissions.common.schedule_free import Variant
from submissions.common.schedules import warmup_constant

VARIANT = Variant(warmup_constant, decay_at="x", power=0.75, second_moment="bfloat16")
BATCH_SIZES = {"fastmri": 16, "librispeech_conformer": 224, "librispeech_deepspeech": 128}
