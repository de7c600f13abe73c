"""Rows of one trial: which of them a score can rest on, whatever the format of the log."""

import functools
import math
from collections.abc import Mapping

import numpy as np

from scoring.records import STEP, TIME, Array, Ledger
from spec import metrics, workload_pb2
from spec.loading import SpecError, load_workload
from spec.metrics import Direction

LINE = "line in the file"  # of each row, beside its cells until the rows are checked


@functools.cache
def known_target(workload: str) -> tuple[str, Direction] | None:
    """Column and direction of the target metric; None for a workload that is not known."""
    try:
        return target_of(load_workload(workload))
    except SpecError:
        return None


def target_of(workload: workload_pb2.Workload) -> tuple[str, Direction]:
    """Column and direction of the workload's target metric."""
    name = metrics.metric_name(workload.target_metric)
    return f"validation/{name}", metrics.direction(workload.target_metric)


def checked(
    columns: Mapping[str, Array], target: tuple[str, Direction] | None, origin: str, ledger: Ledger
) -> dict[str, Array]:
    """The columns without LINE and without rows whose step or time does not rise, all reported.

    Time runs forward in a trial: of a row and one above it that is not earlier, one is wrong, and
    the first hit could be either. The upper one stays. A metric that is infinitely good is reported
    too; it attains nothing (scoring/times.py).
    """
    lines, keep = columns[LINE], np.ones(len(columns[LINE]), bool)
    for name in (STEP, TIME):
        keep &= ~_not_rising(columns[name], name, lines, keep, origin, ledger)
    if target is not None and target[0] in columns:
        name, direction = target
        best = -math.inf if direction is Direction.MINIMIZE else math.inf
        for row in (keep & (columns[name] == best)).nonzero()[0]:
            text = f"{name} is {best}, no possible value; it attains nothing"
            ledger.error(origin, text, int(lines[row]))
    rest = {name: values for name, values in columns.items() if name != LINE}
    return rest if keep.all() else {name: values[keep] for name, values in rest.items()}


def _not_rising(
    values: Array, name: str, lines: Array, keep: np.ndarray, origin: str, ledger: Ledger
) -> np.ndarray:
    """Which of the rows that are kept are not above all those before them, reported."""
    fails = np.zeros(len(values), bool)
    if (values[1:] > values[:-1]).all():
        return fails
    highest = np.maximum.accumulate(np.where(keep, values, -math.inf))
    fails[1:] = keep[1:] & (values[1:] <= highest[:-1])
    for row in fails.nonzero()[0]:
        text = f"row left out: {name} is {values[row]:g} after {highest[row - 1]:g}"
        ledger.error(origin, text, int(lines[row]))
    return fails
