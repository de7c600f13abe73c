"""From tokens that a model gave to counts of words, on the host."""

from collections.abc import Mapping, Sequence
from typing import Any

from inputs import pipeline
from spec import word_errors
from spec.workload_pb2 import SPEECH, Workload


def sums_of(workload: Workload, batches: Sequence[Mapping[str, Any]]) -> list[Mapping[str, float]]:
    """The sums of an evaluation's batches; what speech gives as tokens becomes counts of words."""
    if workload.metrics != SPEECH:
        return list(batches)
    text_of = pipeline.text_of(workload)
    return [word_errors.sums_of_batch(batch, text_of) for batch in batches]
