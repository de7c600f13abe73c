"""Names, directions and targets of metrics.

A metric appears in logs as `<split>/<name>`, for example `validation/accuracy`. The names are the
official ones.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spec import bleu, ranking, timing_pb2, workload_pb2
from spec.loading import SpecError, one_of

Metric = workload_pb2.Metric
MetricFamily = workload_pb2.MetricFamily
Comparison = timing_pb2.TimingProtocol.Comparison


class Direction(enum.Enum):
    """Which way a metric improves."""

    MINIMIZE = "min"
    MAXIMIZE = "max"


_DIRECTIONS = {
    Metric.ACCURACY: Direction.MAXIMIZE,
    Metric.LOSS: Direction.MINIMIZE,
    Metric.PPL: Direction.MINIMIZE,
    Metric.SSIM: Direction.MAXIMIZE,
    Metric.WER: Direction.MINIMIZE,
    Metric.CTC_LOSS_METRIC: Direction.MINIMIZE,
    Metric.MEAN_AVERAGE_PRECISION: Direction.MAXIMIZE,
    Metric.BLEU: Direction.MAXIMIZE,
    Metric.PLAIN_BLEU: Direction.MAXIMIZE,
    Metric.PLAIN_WER: Direction.MINIMIZE,
}

_FAMILIES = {
    MetricFamily.CLASSIFICATION: (Metric.ACCURACY, Metric.LOSS),
    MetricFamily.LANGUAGE_MODEL: (Metric.PPL, Metric.LOSS),
    MetricFamily.CLICK: (Metric.LOSS,),
    MetricFamily.RECONSTRUCTION: (Metric.SSIM, Metric.LOSS),
    MetricFamily.SPEECH: (Metric.WER, Metric.CTC_LOSS_METRIC, Metric.PLAIN_WER),
    MetricFamily.MULTI_LABEL: (Metric.MEAN_AVERAGE_PRECISION, Metric.ACCURACY, Metric.LOSS),
    MetricFamily.TRANSLATION: (Metric.BLEU, Metric.PLAIN_BLEU, Metric.ACCURACY, Metric.LOSS),
}


def metric_name(metric: Metric) -> str:
    """The metric's name in logs, for example `mean_average_precision`."""
    if metric not in _DIRECTIONS:
        raise SpecError(
            f"metric {metric} has no name; expected one of {', '.join(Metric.keys()[1:])}"
        )
    return Metric.Name(metric).removesuffix("_METRIC").lower()


def metric_of(name: str) -> Metric:
    """The metric that logs call `name`; SpecError with the valid names if there is none."""
    by_name = {metric_name(metric): metric for metric in _DIRECTIONS}
    return by_name[one_of(name, by_name, "metric")]


def direction(metric: Metric) -> Direction:
    """Which way the metric improves; SpecError for METRIC_UNSPECIFIED."""
    metric_name(metric)
    return _DIRECTIONS[metric]


def family_names(family: MetricFamily) -> tuple[str, ...]:
    """Names of the metrics of this family, its own one first; an evaluation has each per split."""
    if family not in _FAMILIES:
        valid = ", ".join(MetricFamily.keys()[1:])
        raise SpecError(f"metric family {family} has no metrics; expected one of {valid}")
    return tuple(metric_name(metric) for metric in _FAMILIES[family])


def meets(
    value: float,
    target: float,
    direction: Direction,
    comparison: Comparison = Comparison.INCLUSIVE,
) -> bool:
    """Whether a metric's value attains its target. NaN never does.

    Runners end a trial by the ruleset's comparison; scoring is always inclusive.
    """
    if comparison == Comparison.INCLUSIVE and value == target:
        return True
    return value < target if direction is Direction.MINIMIZE else value > target


def from_batches(family: MetricFamily, batches: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The metrics of a split from sums over the valid examples of each batch (tokens for a language
    model).

    A batch has `weight`, the number of its valid examples, `loss` and whatever else the family adds
    up, or collects: MULTI_LABEL has arrays `logits`, `targets` and `weights`, and gives
    `plain_mean_average_precision` too (spec/ranking.py); TRANSLATION has the counts of spec/bleu.py.
    Batches are added in float64.
    """
    names = [name for name in batches[0] if np.ndim(batches[0][name]) == 0]
    sums = {name: math.fsum(float(batch[name]) for batch in batches) for name in names}
    means = {name: total / sums["weight"] for name, total in sums.items()}
    if family == MetricFamily.SPEECH:
        means["ctc_loss"] = means["loss"]
        means["wer"] = sums["errors"] / sums["words"]
        means["plain_wer"] = sums["plain_errors"] / sums["plain_words"]
    if family == MetricFamily.LANGUAGE_MODEL:
        means["ppl"] = math.exp(min(means["loss"], 700.0))  # beyond that exp overflows
    if family == MetricFamily.MULTI_LABEL:
        precisions = ranking.mean_average_precisions(batches)
        return {name: (precisions | means)[name] for name in (*family_names(family), *precisions)}
    if family == MetricFamily.TRANSLATION:
        means |= bleu.scores(sums)
    return {name: means[name] for name in family_names(family)}
