"""How much faster one submission is than another, over the base workloads. Independent of everybody
else.

Both orientations occur in the literature and both are named here: the time ratio is t / t_reference
(0.72: 28 % less time), the speed-up is its inverse (1.39 times as fast).
"""

import math

import numpy as np

from scoring.board import Board
from scoring.records import Array
from spec.loading import SpecError, load_workload, rules_of


def time_ratios(time_sec: Array, miss_sec: Array, *, nan_is_miss: bool) -> Array:
    """Geometric mean over workloads of t_a / t_b, as a matrix [a, b].

    A target that was not reached counts as `miss_sec` [workload]; so workloads that both miss count
    as 1.

    Args:
      time_sec: Times [submission, base workload].
      miss_sec: What a miss counts as.
      nan_is_miss: Whether a workload that was not run is a miss; else its ratios are NaN.
    """
    missed = ~np.isfinite(time_sec) if nan_is_miss else np.isinf(time_sec)
    miss_sec = np.where(np.isfinite(miss_sec), miss_sec, math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 s: ratios of 0, inf and, to 0, none
        logs = np.log(np.where(missed, miss_sec, time_sec))
        return np.exp((logs[:, None] - logs[None, :]).mean(-1))


def board_time_ratios(board: Board) -> Array:
    """Time ratios of a leaderboard's submissions [a, b].

    documented: a miss counts as the ruleset's budget. official: as the v0.5 budget, three times
    that under self tuning whatever the version, or the ruleset's where v0.5 lacks the workload,
    plus a second; a workload that was not run makes the ratio NaN. So does a miss without budget.
    """
    base = list(board.scoring.base)
    if board.method == "documented":
        return time_ratios(board.time_sec[:, base], board.budget_sec[base], nan_is_miss=True)
    budgets = [_official_budget_sec(board, name) for name in board.rules.base]
    return time_ratios(board.time_sec[:, base], np.array(budgets) + 1, nan_is_miss=False)


def _official_budget_sec(board: Board, workload: str) -> float:
    ruleset = board.rules.ruleset
    try:
        budget = rules_of(load_workload(workload), "v0.5").max_runtime_sec
    except SpecError:  # the official code fails here
        return board.rules.workloads[workload].budget_sec
    return budget * (3 if ruleset.tuning == ruleset.SELF else 1)
