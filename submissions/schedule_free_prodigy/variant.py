"""The published variant; README.md names the sources of its constants."""

from submissions.common.schedule_free import Variant
from submissions.common.schedules import warmup_constant

VARIANT = Variant(warmup_constant, decay_at="y", power=0.75)
FIRST_DISTANCE = 1e-6
BATCH_SIZES = {"librispeech_conformer": 224}
