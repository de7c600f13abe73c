from pathlib import Path

import numpy as np
import pytest

from harness.clock import Clock
from harness.events import EventLog, read_log
from harness.metrics_logger import MetricsLogger


class OnDevice:
    """A value that must not be looked at before it is ready."""

    __module__ = "jaxlib"  # as those of a framework
    is_ready = False

    def __float__(self) -> float:
        assert self.is_ready
        return 0.5


def test_values_are_converted_when_written_not_when_logged(tmp_path: Path) -> None:
    logger, log, value = MetricsLogger(), EventLog(tmp_path / "log", Clock()), OnDevice()
    metrics = {"loss": value, "norm": np.float32(2), "one": np.ones(())}
    logger.append_scalar_metrics(metrics, 3)
    metrics.clear()  # a submission may use its dictionary again
    value.is_ready = True
    logger.write(log)
    logger.write(log)
    (event,) = read_log(log.path).events
    assert event.scalar_metrics.global_step == 3
    assert dict(event.scalar_metrics.metrics) == {"loss": 0.5, "norm": 2.0, "one": 1.0}


def test_what_another_process_logged_is_written_too(tmp_path: Path) -> None:
    logger, log = MetricsLogger(), EventLog(tmp_path / "log", Clock())
    logger.before_write = lambda: logger.append_scalar_metrics({"loss": 2}, 1)
    logger.write(log)
    (event,) = read_log(log.path).events
    assert dict(event.scalar_metrics.metrics) == {"loss": 2.0}


class Slow:
    """Not a framework's value: its conversion is the submission's own code."""

    conversions = 0

    def __float__(self) -> float:
        self.conversions += 1
        return 0.5


def test_a_value_of_the_submissions_own_is_converted_on_its_account(tmp_path: Path) -> None:
    logger, log, value = MetricsLogger(), EventLog(tmp_path / "log", Clock()), Slow()
    logger.append_scalar_metrics({"a": value}, 0)
    assert value.conversions == 1
    logger.write(log)
    assert value.conversions == 1
    (event,) = read_log(log.path).events
    assert dict(event.scalar_metrics.metrics) == {"a": 0.5}


def test_names_that_are_not_utf_8_are_escaped(tmp_path: Path) -> None:
    logger, log = MetricsLogger(), EventLog(tmp_path / "log", Clock())
    logger.append_scalar_metrics({"\udce9": 1, "none \udcea": "none"}, 0)
    logger.write(log)
    remark, scalars = read_log(log.path).events
    assert r"\udcea" in remark.remark.message
    assert dict(scalars.scalar_metrics.metrics) == {r"\udce9": 1.0}


@pytest.mark.parametrize("value", ["text", None, np.ones(3)])
def test_what_is_no_number_is_left_out_with_a_remark(tmp_path: Path, value: object) -> None:
    logger, log = MetricsLogger(), EventLog(tmp_path / "log", Clock())
    logger.append_scalar_metrics({"bad": value, "loss": 1}, 4)
    logger.write(log)
    remark, scalars = read_log(log.path).events
    assert "scalar 'bad' of step 4 is left out" in remark.remark.message
    assert dict(scalars.scalar_metrics.metrics) == {"loss": 1.0}
