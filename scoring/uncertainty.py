"""How sure a score is: resampling studies, resampling workloads, leaving one out, the grid of
evaluations.
"""

import dataclasses
import math

import numpy as np

from scoring import profiles, times
from scoring.board import Board, earliest_times, scoring_among
from scoring.records import Array

# Numbers held at once while resampling: 8 MB.
CHUNK = 2**20


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Central intervals of a bootstrap [submission], and P(a beats b) [a, b] with ties counted
    half. NaN where there was nothing to draw from.
    """

    level: float
    num_resamples: int
    score_low: Array
    score_high: Array
    rank_low: Array
    rank_high: Array
    beats: Array


def over_studies(
    board: Board, *, seed: int = 0, num_resamples: int = 1000, level: float = 0.95
) -> Intervals:
    """What if the studies were run again? Resamples studies, with replacement, within each
    submission and workload.

    Runs on different workloads share nothing, so their studies are drawn independently. The fastest
    times that ratios refer to are those of the resample. With few studies (3 or 5) such intervals
    are too narrow rather than too wide. A submission with one study of every workload has none:
    drawing it again and again would give an interval without width.
    """
    counted, scoring = _counted(board)
    study_sec = board.study_sec[:, counted]
    study_sec = study_sec[..., ~np.isnan(study_sec).all((0, 1))]
    present = ~np.isnan(study_sec)
    count = present.sum(-1)
    first = np.argsort(~present, axis=-1, kind="stable")
    packed = np.take_along_axis(study_sec, first, -1)  # studies that exist come first
    rng = np.random.default_rng(seed)
    num_studies = study_sec.shape[-1]
    rows = max(1, CHUNK // max(1, study_sec.size))
    samples = []
    for start in range(0, num_resamples, rows):
        size = (min(rows, num_resamples - start), *study_sec.shape)
        slot = (rng.random(size) * np.maximum(count, 1)[..., None]).astype(np.intp)
        drawn = np.take_along_axis(np.broadcast_to(packed, size), slot, -1)
        # Each resample has as many studies as there are.
        drawn = np.where(np.arange(num_studies) < count[..., None], drawn, math.nan)
        samples.append(profiles.scores(times.median(drawn), scoring))
    return _without(count.max(-1) < 2, _intervals(np.concatenate(samples), level))


def _counted(board: Board) -> tuple[list[int], profiles.Scoring]:
    """Columns of the workloads that count, and how credit is given in an array of these alone:
    what else is in the logs is to change no digit.
    """
    scoring = board.scoring
    counted = [*scoring.base, *(variant for variant, _ in scoring.held_out)]
    place = {column: new for new, column in enumerate(counted)}
    pairs = tuple((place[variant], place[base]) for variant, base in scoring.held_out)
    base = tuple(range(len(scoring.base)))
    return counted, dataclasses.replace(scoring, base=base, held_out=pairs)


def over_workloads(
    board: Board, *, seed: int = 0, num_resamples: int = 1000, level: float = 0.95
) -> Intervals:
    """What if the benchmark had drawn other workloads of the same kind? Resamples the base
    workloads.
    """
    credit = board.credit
    num_workloads = credit.shape[-1]
    rng = np.random.default_rng(seed)
    even = np.full(num_workloads, 1 / num_workloads)
    weights = rng.multinomial(num_workloads, even, size=num_resamples) / num_workloads
    return _intervals(weights @ credit.T, level)


def _intervals(score: Array, level: float) -> Intervals:
    """From resampled scores [resample, submission]."""
    tail = 100 * (1 - level) / 2
    # Ranks and comparisons see scores that differ by rounding alone as equal.
    score = score.round(12)
    rank = np.stack([profiles.ranks(one) for one in score])
    beats = np.zeros((score.shape[1], score.shape[1]))
    for one in score:
        beats += (one[:, None] > one) + 0.5 * (one[:, None] == one)
    score_low, score_high = np.percentile(score, [tail, 100 - tail], axis=0)
    rank_low, rank_high = np.percentile(rank, [tail, 100 - tail], axis=0, method="nearest")
    return Intervals(
        level, len(score), score_low, score_high, rank_low, rank_high, beats / len(score)
    )


def _without(left_out: np.ndarray, found: Intervals) -> Intervals:
    """The intervals with NaN for some of the submissions, and for all comparisons with them."""

    def blank(values: Array, where: np.ndarray) -> Array:
        return np.where(where, math.nan, values)

    return dataclasses.replace(
        found,
        score_low=blank(found.score_low, left_out),
        score_high=blank(found.score_high, left_out),
        rank_low=blank(found.rank_low, left_out),
        rank_high=blank(found.rank_high, left_out),
        beats=blank(found.beats, left_out[:, None] | left_out),
    )


def without_each_workload(board: Board) -> Array:
    """Scores over the other base workloads [left out, submission]."""
    credit = board.credit
    num_workloads = credit.shape[-1]
    if num_workloads < 2:
        return np.full((num_workloads, credit.shape[0]), math.nan)
    return (credit.sum(-1) - credit.T) / (num_workloads - 1)


def without_each_competitor(board: Board) -> Array:
    """Scores when one submission had not entered [left out, submission]; NaN for itself."""
    num = len(board.submissions)
    result = np.full((num, num), math.nan)
    for out in range(num):
        others = np.delete(np.arange(num), out)
        scoring = scoring_among(board, others.tolist())
        result[out, others] = profiles.scores(board.time_sec[others], scoring)
    return result


def grid_bounds(board: Board) -> tuple[Array, Array]:
    """Lowest and highest score [submission] that the grid of evaluations leaves open.

    The highest: the submission crossed its targets right after the evaluations before, everyone
    else when it was seen. The lowest: the other way round.
    """
    latest, earliest = board.time_sec, np.fmin(board.time_sec, earliest_times(board))
    low, high = np.empty(len(board.submissions)), np.empty(len(board.submissions))
    for one in range(len(board.submissions)):
        mine = (np.arange(len(board.submissions)) == one)[:, None]
        low[one] = profiles.scores(np.where(mine, latest, earliest), board.scoring)[one]
        high[one] = profiles.scores(np.where(mine, earliest, latest), board.scoring)[one]
    return low, high
