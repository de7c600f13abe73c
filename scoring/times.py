"""From evaluations to times: trial -> study -> workload.

All times are timed seconds. In arrays, inf says that a target was not reached and NaN that there is
nothing: no such trial, study or workload.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from scoring.records import STEP, Array, Trial, natural
from scoring.rules import WorkloadRules
from spec.metrics import Direction

Method = Literal["documented", "official"]


@dataclasses.dataclass(frozen=True)
class Hit:
    """The evaluation by which a trial reached its target; see MISS where there is none."""

    row: int  # from 0
    step: float
    time_sec: float
    earliest_sec: float  # the evaluation before: the true crossing came after it

    @property
    def reached(self) -> bool:
        return self.row >= 0


MISS = Hit(-1, math.nan, math.inf, math.inf)


def meets(values: Array, target: float, direction: Direction) -> np.ndarray:
    """Which values attain the target; equality counts, NaN and infinity do not."""
    attained = values <= target if direction is Direction.MINIMIZE else values >= target
    return attained & np.isfinite(values)


def first_hit(
    trial: Trial, rules: WorkloadRules, *, stable: bool = False, any_time: bool = False
) -> Hit:
    """The first evaluation whose validation metric attains the target within the budget.

    Args:
      trial: The trial.
      rules: Metric, target and budget.
      stable: The first one that every later evaluation confirms.
      any_time: After the budget too, as the official code has it, which leaves budgets to runners.
    """
    values = trial.columns.get(rules.metric)
    if values is None or not values.size:
        return MISS
    hits = meets(values, rules.target, rules.direction)
    if stable:
        hits = np.logical_and.accumulate(hits[::-1])[::-1]
    row = int(hits.argmax())
    times = trial.times_sec
    if not hits[row] or not (any_time or times[row] <= rules.budget_sec):
        return MISS
    before = times[:row]  # none later, unless rows were written again
    earliest = float(before[before <= times[row]].max(initial=0))
    return Hit(row, float(trial.columns[STEP][row]), float(times[row]), earliest)


@dataclasses.dataclass(frozen=True)
class TrialArrays:
    """Trials as arrays [submission, workload, study, trial], with the labels of the axes.

    Slots of the last axis are filled in the order of trial names, logs of one trial from the
    fastest; NaN where there are fewer trials.
    """

    submissions: tuple[str, ...]
    workloads: tuple[str, ...]
    studies: tuple[str, ...]
    time_sec: Array
    row: Array  # evaluation that reached the target, from 0
    step: Array  # step at that evaluation
    earliest_sec: Array
    num_evaluations: Array
    position: Array  # of the trial in the sequence of trials that this was made from


def trial_arrays(
    trials: Sequence[Trial], hits: Sequence[Hit], workloads: Sequence[str]
) -> TrialArrays:
    """Arranges the trials of these workloads; what else there is leaves no trace."""
    kept = [(place, trial) for place, trial in enumerate(trials) if trial.workload in workloads]
    submissions = tuple(sorted({trial.submission for _, trial in kept}, key=natural))
    studies = tuple(sorted({trial.study for _, trial in kept}, key=natural))
    workloads = tuple(workloads)
    axes = [{label: i for i, label in enumerate(a)} for a in (submissions, workloads, studies)]
    cells: dict[tuple[int, ...], list[tuple[str, float, int]]] = {}
    for place, trial in kept:
        labels = (trial.submission, trial.workload, trial.study)
        cell = tuple(axis[label] for axis, label in zip(axes, labels, strict=True))
        cells.setdefault(cell, []).append((trial.trial, hits[place].time_sec, place))
    depth = max(map(len, cells.values()), default=0)
    position = np.full((len(submissions), len(workloads), len(studies), depth), -1)
    for cell, members in cells.items():
        position[cell][: len(members)] = [place for *_, place in sorted(members)]

    def filled(of_trial: Callable[[int], float]) -> Array:
        values = np.array([of_trial(place) for place in range(len(trials))] + [math.nan])
        return values[position]

    return TrialArrays(
        submissions,
        workloads,
        studies,
        time_sec=filled(lambda place: hits[place].time_sec),
        row=filled(lambda place: hits[place].row if hits[place].reached else math.inf),
        step=filled(lambda place: hits[place].step if hits[place].reached else math.inf),
        earliest_sec=filled(lambda place: hits[place].earliest_sec),
        num_evaluations=filled(lambda place: trials[place].num_evaluations),
        position=position,
    )


def study_times(
    arrays: TrialArrays, method: Method, *, excluded: np.ndarray | None = None
) -> Array:
    """Time of each study [submission, workload, study]: that of its fastest trial.

    See `preference`, which takes the same arguments.
    """
    return picked(arrays.time_sec, preference(arrays, method, excluded=excluded))


def preference(arrays: TrialArrays, method: Method, *, excluded: np.ndarray | None = None) -> Array:
    """What decides by which trial a study counts, the smallest of the last axis of a 4-d array.

    documented: the time. A study that a submission has for other workloads of the arrays, but not
    for this one, is a miss. official: the row of the evaluation that hit; of several trials with the same, the
    first by name. A trial without evaluations is as good as absent, and so is a study without any
    other.

    Args:
      arrays: The trials.
      method: Which of the two.
      excluded: Which trials are to be treated as absent, in the shape of `arrays.time_sec`.
    """
    if method == "official":
        order = np.where(arrays.num_evaluations > 0, arrays.row, math.nan)
    else:
        order = _with_missed_studies(arrays.time_sec)
    return order if excluded is None else np.where(excluded, math.nan, order)


def picked(values: Array, order: Array) -> Array:
    """The value where `order` is smallest along the last axis; NaN where all of it is NaN."""
    if not order.shape[-1]:
        return np.full(order.shape[:-1], math.nan)
    absent = np.isnan(order)
    best = np.where(absent, math.inf, order).argmin(-1)
    # Where all present trials missed, argmin may point at an absent one: a miss is a miss.
    chosen = np.take_along_axis(values, best[..., None], -1)[..., 0]
    nothing_reached = ~np.isfinite(np.where(absent, math.inf, order).min(-1))
    return np.where(absent.all(-1), math.nan, np.where(nothing_reached, math.inf, chosen))


def _with_missed_studies(time_sec: Array) -> Array:
    """Puts a miss in studies that are absent for one workload and present for another."""
    if not time_sec.shape[-1]:
        return time_sec
    here = np.logical_not(np.isnan(time_sec).all(-1))
    of_submission = here.any(1, keepdims=True)
    of_workload = here.any(2, keepdims=True)
    result = time_sec.copy()
    result[..., 0][of_submission & of_workload & ~here] = math.inf
    return result


def median(values: Array) -> Array:
    """Median along the last axis of what is not NaN; NaN where there is nothing. inf takes part."""
    count = (~np.isnan(values)).sum(-1)
    ordered = np.sort(values, -1)  # NaN last
    if not values.shape[-1]:
        return np.full(values.shape[:-1], math.nan)

    def at(place: np.ndarray) -> Array:
        return np.take_along_axis(ordered, np.maximum(place, 0)[..., None], -1)[..., 0]

    result = (at((count - 1) // 2) + at(count // 2)) / 2
    return np.where(count > 0, result, math.nan)
