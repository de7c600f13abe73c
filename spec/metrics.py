"""Names, directions, ranges and targets of metrics.

A metric appears in logs as `<split>/<name>`, for example `validation/accuracy`. The names are the
official ones.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spec import bleu, ranking, timing_pb2, workload_pb2
from spec.errors import SpecError, one_of

Metric = workload_pb2.Metric
MetricFamily = workload_pb2.MetricFamily
LossType = workload_pb2.LossType
Comparison = timing_pb2.TimingProtocol.Comparison


class Direction(enum.Enum):
    """Which way a metric improves."""

    MINIMIZE = "min"
    MAXIMIZE = "max"


class _Facts(NamedTuple):
    direction: Direction
    least: float  # possible value
    greatest: float


_METRICS = {
    Metric.ACCURACY: _Facts(Direction.MAXIMIZE, 0, 1),
    Metric.LOSS: _Facts(Direction.MINIMIZE, 0, math.inf),
    Metric.PPL: _Facts(Direction.MINIMIZE, 1, math.inf),
    Metric.SSIM: _Facts(Direction.MAXIMIZE, -1, 1),
    Metric.WER: _Facts(Direction.MINIMIZE, 0, math.inf),
    Metric.CTC_LOSS_METRIC: _Facts(Direction.MINIMIZE, 0, math.inf),
    Metric.MEAN_AVERAGE_PRECISION: _Facts(Direction.MAXIMIZE, 0, 1),
    Metric.BLEU: _Facts(Direction.MAXIMIZE, 0, 100),
    Metric.PLAIN_BLEU: _Facts(Direction.MAXIMIZE, 0, 100),
    Metric.PLAIN_WER: _Facts(Direction.MINIMIZE, 0, math.inf),
}


class Family(NamedTuple):
    """What is computed together, of models that are trained with this loss."""

    loss: LossType
    metrics: tuple[Metric, ...]  # its own one first


FAMILIES = {
    MetricFamily.CLASSIFICATION: Family(
        LossType.SOFTMAX_CROSS_ENTROPY, (Metric.ACCURACY, Metric.LOSS)
    ),
    MetricFamily.LANGUAGE_MODEL: Family(LossType.SOFTMAX_CROSS_ENTROPY, (Metric.PPL, Metric.LOSS)),
    MetricFamily.CLICK: Family(LossType.SIGMOID_CROSS_ENTROPY, (Metric.LOSS,)),
    MetricFamily.RECONSTRUCTION: Family(LossType.MEAN_ABSOLUTE_ERROR, (Metric.SSIM, Metric.LOSS)),
    MetricFamily.SPEECH: Family(
        LossType.CTC_LOSS, (Metric.WER, Metric.CTC_LOSS_METRIC, Metric.PLAIN_WER)
    ),
    MetricFamily.MULTI_LABEL: Family(
        LossType.SIGMOID_CROSS_ENTROPY,
        (Metric.MEAN_AVERAGE_PRECISION, Metric.ACCURACY, Metric.LOSS),
    ),
    MetricFamily.TRANSLATION: Family(
        LossType.SOFTMAX_CROSS_ENTROPY,
        (Metric.BLEU, Metric.PLAIN_BLEU, Metric.ACCURACY, Metric.LOSS),
    ),
}


def metric_name(metric: Metric) -> str:
    """The metric's name in logs, for example `mean_average_precision`."""
    if metric not in _METRICS:
        raise SpecError(
            f"metric {metric} has no name; expected one of {', '.join(Metric.keys()[1:])}"
        )
    return Metric.Name(metric).removesuffix("_METRIC").lower()


def metric_of(name: str) -> Metric:
    """The metric that logs call `name`; SpecError with the valid names if there is none."""
    by_name = {metric_name(metric): metric for metric in _METRICS}
    return by_name[one_of(name, by_name, "metric")]


def direction(metric: Metric) -> Direction:
    """Which way the metric improves; SpecError for METRIC_UNSPECIFIED."""
    metric_name(metric)
    return _METRICS[metric].direction


def possible_range(metric: Metric) -> tuple[float, float]:
    """The least and the greatest value that the metric can have; SpecError for METRIC_UNSPECIFIED."""
    metric_name(metric)
    return _METRICS[metric].least, _METRICS[metric].greatest


def family_names(family: MetricFamily) -> tuple[str, ...]:
    """Names of the metrics of this family, its own one first; an evaluation has each per split."""
    if family not in FAMILIES:
        valid = ", ".join(MetricFamily.keys()[1:])
        raise SpecError(f"metric family {family} has no metrics; expected one of {valid}")
    return tuple(metric_name(metric) for metric in FAMILIES[family].metrics)


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
