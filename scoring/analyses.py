"""What a score depends on: studies, trials, held-out workloads, the largest ratio; and what times
are made of.

The analyses of "Accelerating Neural Network Training: An Analysis of the AlgoPerf Competition"
(Kasimbeg et al. 2025, arXiv 2502.15015), each as a function of a leaderboard. `figures.py` draws
them.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from scoring import profiles, times
from scoring.board import Board
from scoring.records import Array, natural

# Subsets looked at for each size; where there are more, this many are drawn.
MAX_SUBSETS = 200


@dataclasses.dataclass(frozen=True)
class Spread:
    """Scores over many subsets: mean, smallest and largest [size, submission]."""

    sizes: tuple[int, ...]
    mean: Array
    low: Array
    high: Array


def profile_curves(board: Board, num_points: int = 301) -> tuple[Array, Array]:
    """tau [point] and the performance profile [submission, point] from 1 to the largest ratio."""
    tau = np.linspace(1, board.scoring.max_ratio, num_points)
    return tau, profiles.profile(board.ratio, tau)


def effect_of_studies(board: Board, *, seed: int = 0) -> Spread:
    """Scores had there been fewer studies, over the subsets of each size."""
    num_studies = board.study_sec.shape[-1]
    return _spread(
        [
            [
                profiles.scores(times.median(board.study_sec[..., list(subset)]), board.scoring)
                for subset in _subsets(num_studies, size, seed)
            ]
            for size in range(1, num_studies + 1)
        ]
    )


def effect_of_trials(board: Board, *, seed: int = 0) -> Spread:
    """Scores had there been fewer trials in each study, over the subsets of each size.

    A subset takes the same names everywhere: in the published logs, the same hyperparameter points.
    A study whose trials are all left out is a miss.
    """
    position = board.arrays.position
    names = sorted({board.trials[place].trial for place in position[position >= 0]}, key=natural)
    numbers = {name: number for number, name in enumerate(names)}
    number = np.array([numbers.get(trial.trial, -1) for trial in board.trials] + [-1])[position]

    def score(kept: Sequence[int]) -> Array:
        out = ~np.isin(number, kept)
        study = times.study_times(board.arrays, board.method, excluded=board.excluded | out)
        study = np.where(np.isnan(study) & ~np.isnan(board.study_sec), math.inf, study)
        return profiles.scores(times.median(study), board.scoring)

    return _spread(
        [
            [score(subset) for subset in _subsets(len(names), size, seed)]
            for size in range(1, len(names) + 1)
        ]
    )


def _subsets(num: int, size: int, seed: int) -> list[tuple[int, ...]]:
    if math.comb(num, size) <= MAX_SUBSETS:
        return list(itertools.combinations(range(num), size))
    rng = np.random.default_rng([seed, num, size])
    draws = (rng.choice(num, size, replace=False) for _ in range(MAX_SUBSETS))
    return [tuple(int(place) for place in sorted(draw)) for draw in draws]


def _spread(scores: Sequence[Sequence[Array]]) -> Spread:
    """From scores of every subset of sizes 1, 2 ..."""
    of_size = [np.array(each) for each in scores]
    return Spread(
        tuple(range(1, len(scores) + 1)),
        mean=np.array([each.mean(0) for each in of_size]),
        low=np.array([each.min(0) for each in of_size]),
        high=np.array([each.max(0) for each in of_size]),
    )


def without_held_out(board: Board) -> Array:
    """Scores [submission] by the base workloads alone."""
    return profiles.scores(board.time_sec, dataclasses.replace(board.scoring, held_out=()))


def effect_of_max_ratio(board: Board, max_ratios: Sequence[float]) -> Array:
    """Scores [ratio, submission] for other largest ratios, which cut and scale the profile."""
    return np.array(
        [
            profiles.scores(board.time_sec, dataclasses.replace(board.scoring, max_ratio=ratio))
            for ratio in max_ratios
        ]
    )


def budget_fractions(board: Board) -> Array:
    """Time to target as a fraction of the budget [submission, workload]; inf for a miss."""
    return board.time_sec / board.budget_sec


@dataclasses.dataclass(frozen=True)
class Decomposition:
    """log2 of (time / reference time) as the sum of two parts [submission, workload].

    NaN where one of the two did not reach the target, or in no time at all. A step is one call of
    update_params, which a submission may fill as it likes: the parts compare only where a step
    means the same.
    """

    steps: Array  # log2 of the ratio of steps to the target
    step_time: Array  # log2 of the ratio of seconds a step


def decomposition(board: Board, reference: int) -> Decomposition:
    """Why a submission is faster than the reference: fewer steps or faster ones, over all trials
    that reached it.

    Args:
      board: The leaderboard.
      reference: Place of the submission to compare with.
    """
    arrays = board.arrays
    reached = np.isfinite(arrays.time_sec) & (arrays.time_sec > 0)
    log_steps = np.log2(np.where(reached, arrays.step, math.nan))
    log_step_time = np.log2(np.where(reached, arrays.time_sec, math.nan)) - log_steps
    order = times.preference(arrays, board.method, excluded=board.excluded)
    steps, step_time = (
        _finite_median(times.picked(values, order)) for values in (log_steps, log_step_time)
    )
    return Decomposition(steps - steps[reference], step_time - step_time[reference])


def _finite_median(values: Array) -> Array:
    return times.median(np.where(np.isfinite(values), values, math.nan))


@dataclasses.dataclass(frozen=True)
class Robustness:
    """How much luck is in a time [submission, workload]."""

    reached: Array  # fraction of the trials that reached the target; NaN without trials
    spread: (
        Array  # slowest study / fastest study, of those that reached it; NaN with fewer than two
    )


def robustness(board: Board) -> Robustness:
    """How often trials reach their target and how far studies are apart."""
    arrays = board.arrays
    shape = (*arrays.time_sec.shape[:2], -1)
    trials = arrays.time_sec.reshape(shape)
    count = (~np.isnan(trials)).sum(-1)
    reached = np.isfinite(trials).sum(-1) / np.where(count, count, math.nan)
    finite = np.isfinite(board.study_sec)
    slowest = np.where(finite, board.study_sec, -math.inf).max(-1, initial=-math.inf)
    fastest = np.where(finite, board.study_sec, math.inf).min(-1, initial=math.inf)
    spread = np.full(fastest.shape, math.nan)
    np.divide(slowest, fastest, out=spread, where=finite.sum(-1) >= 2)
    return Robustness(reached, spread)
