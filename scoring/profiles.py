"""From times to scores: held-out rule, ratios, performance profile, score.

Arrays of times are [..., submission, workload], in timed seconds; inf says not reached, NaN not
run. Leading axes are resamples. The score depends on who is scored together: every ratio is to the
fastest of them.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from scoring.records import Array
from scoring.times import Method

OFFICIAL_POINTS = 100  # of the official profile's grid


@dataclasses.dataclass(frozen=True)
class Scoring:
    """Which columns of a time array are the base workloads and which are held out, and how credit
    is given.
    """

    base: tuple[int, ...]
    held_out: tuple[tuple[int, int], ...]  # (column of the held-out workload, column of its base)
    max_ratio: float
    method: Method


def layout(
    workloads: Sequence[str],
    base: Sequence[str],
    held_out: Mapping[str, str],
    max_ratio: float,
    method: Method,
) -> Scoring:
    """Columns of an array with these workloads."""
    column = {name: place for place, name in enumerate(workloads)}
    pairs = tuple((column[variant], column[b]) for variant, b in held_out.items())
    return Scoring(tuple(column[name] for name in base), pairs, max_ratio, method)


def ratios(times: Array, scoring: Scoring) -> Array:
    """Ratio of each time to the fastest qualified one [..., submission, base workload]; inf where
    there is no credit.

    A submission qualifies on a workload when it reaches the target there and on the held-out
    variant, each within `max_ratio` of the fastest; the fastest on a variant is sought among those
    that reached the base's target.
    """
    times = np.where(np.isnan(times), math.inf, times)
    for variant, base in scoring.held_out:
        times[..., variant] = np.where(np.isinf(times[..., base]), math.inf, times[..., variant])
    fastest = times.min(-2, keepdims=True, initial=math.inf)
    times = np.where(times > scoring.max_ratio * fastest, math.inf, times)
    for variant, base in scoring.held_out:
        times[..., base] = np.where(np.isinf(times[..., variant]), math.inf, times[..., base])
    qualified = times[..., list(scoring.base)]
    fastest = qualified.min(-2, keepdims=True, initial=math.inf)
    # Nobody is left but those at 0 s where the fastest took none: they are all the fastest.
    finite = np.isfinite(qualified)
    out = np.where(finite, 1.0, math.inf)
    return np.divide(qualified, fastest, out=out, where=finite & (fastest > 0))


def profile(ratio: Array, tau: Array) -> Array:
    """Performance profile [..., submission, len(tau)]: fraction of the workloads with a ratio of at
    most tau.
    """
    return (ratio[..., None] <= tau).mean(-2)


def official_grid(max_ratio: float) -> Array:
    """The points at which the official code evaluates the profile."""
    return np.linspace(1, max_ratio, OFFICIAL_POINTS)


def credits(ratio: Array, scoring: Scoring) -> Array:
    """What each workload adds to the score, times the number of workloads: from 0 to 1, 1 for the
    fastest.

    documented: the exact area under the profile between 1 and max_ratio, so (max_ratio - r) /
    (max_ratio - 1). official: the area under the trapezoids over 100 points. A profile that jumps
    between two points rises along a line there: half a step of the grid more than the area right of
    the next point.
    """
    top, width = scoring.max_ratio, scoring.max_ratio - 1
    if not width:
        return (ratio == 1).astype(float)
    if scoring.method == "documented":
        return np.clip((top - np.minimum(ratio, top)) / width, 0, 1)
    grid = official_grid(top)
    point = np.minimum(np.searchsorted(grid, ratio), OFFICIAL_POINTS - 1)
    area = (top - grid[point] + width / (OFFICIAL_POINTS - 1) / 2) / width
    return np.where(ratio <= 1, 1, np.where(ratio <= top, area, 0))


def scores(times: Array, scoring: Scoring) -> Array:
    """Score of each submission [..., submission], from 0 to 1: the normalised area under its
    performance profile.
    """
    return credits(ratios(times, scoring), scoring).mean(-1)


def ranks(score: Array) -> Array:
    """Rank [..., submission] from 1, the best; equal scores share the best of their ranks."""
    better = score[..., None, :] > score[..., :, None] + 1e-12
    return 1.0 + better.sum(-1)
