import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec import metrics, workload_pb2
from spec.loading import SpecError
from spec.metrics import Comparison, Direction, Metric, MetricFamily

METRICS = Metric.values()[1:]
FAMILIES = MetricFamily.values()[1:]


def test_names_are_those_of_the_official_logs() -> None:
    assert {metrics.metric_name(metric) for metric in METRICS} == {
        "accuracy", "loss", "ppl", "ssim", "wer", "ctc_loss", "mean_average_precision", "bleu", "plain_bleu",
        "plain_wer",  # ours, beside the official one
    }  # fmt: skip
    assert [metrics.metric_of(metrics.metric_name(metric)) for metric in METRICS] == METRICS


def test_errors_are_lower_and_qualities_are_higher() -> None:
    higher = {
        Metric.ACCURACY,
        Metric.SSIM,
        Metric.MEAN_AVERAGE_PRECISION,
        Metric.BLEU,
        Metric.PLAIN_BLEU,
    }
    for metric in METRICS:
        expected = Direction.MAXIMIZE if metric in higher else Direction.MINIMIZE
        assert metrics.direction(metric) is expected


def test_every_family_has_the_metrics_of_its_logs() -> None:
    assert metrics.family_names(MetricFamily.SPEECH) == ("wer", "ctc_loss", "plain_wer")
    assert metrics.family_names(MetricFamily.CLICK) == ("loss",)
    assert metrics.family_names(MetricFamily.MULTI_LABEL) == (
        "mean_average_precision",
        "accuracy",
        "loss",
    )
    assert all(metrics.family_names(family) for family in FAMILIES)


@pytest.mark.parametrize("comparison", [Comparison.INCLUSIVE, Comparison.STRICT])
def test_a_target_is_met_from_the_right_side(comparison: Comparison) -> None:
    equal = comparison == Comparison.INCLUSIVE
    assert metrics.meets(0.5, 0.5, Direction.MINIMIZE, comparison) is equal
    assert metrics.meets(0.5, 0.5, Direction.MAXIMIZE, comparison) is equal
    assert metrics.meets(0.4, 0.5, Direction.MINIMIZE, comparison)
    assert not metrics.meets(0.4, 0.5, Direction.MAXIMIZE, comparison)
    assert metrics.meets(0.6, 0.5, Direction.MAXIMIZE, comparison)
    assert not metrics.meets(0.6, 0.5, Direction.MINIMIZE, comparison)


@given(st.floats(allow_nan=False), st.sampled_from(Direction), st.sampled_from(Comparison.values()))
def test_nan_never_meets_a_target(
    target: float, direction: Direction, comparison: Comparison
) -> None:
    assert not metrics.meets(math.nan, target, direction, comparison)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.sampled_from(Comparison.values()))
def test_directions_mirror_each_other(value: float, target: float, comparison: Comparison) -> None:
    lower = metrics.meets(value, target, Direction.MINIMIZE, comparison)
    assert lower == metrics.meets(-value, -target, Direction.MAXIMIZE, comparison)


def test_an_unknown_metric_is_an_error_that_names_the_valid_ones() -> None:
    with pytest.raises(SpecError, match="accuracy"):
        metrics.metric_of("acuracy")
    with pytest.raises(SpecError, match="ACCURACY"):
        metrics.direction(workload_pb2.METRIC_UNSPECIFIED)
    with pytest.raises(SpecError, match="SPEECH"):
        metrics.family_names(workload_pb2.METRIC_FAMILY_UNSPECIFIED)


def test_the_sum_over_batches_is_rounded_once() -> None:
    # Beside 2^24 float32 loses each 1, and float64, added one by one, each 2^-30.
    sums = [2.0**24, 1, 1] + 8 * [2.0**-30]
    batches = [{"loss": np.float32(loss), "accuracy": 0, "weight": 1} for loss in sums]
    loss = metrics.from_batches(MetricFamily.CLASSIFICATION, batches)["loss"]
    assert loss * len(sums) == pytest.approx(2.0**24 + 2 + 2.0**-27, rel=2.0**-52)
