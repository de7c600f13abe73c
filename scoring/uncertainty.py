"""How sure a score is: resampling studies, resampling workloads, leaving one out, the grid of
evaluations.
"""

import dataclasses
import itertools
import math

import numpy as np

from scoring import profiles, times
from scoring.board import Board, earliest_times, scoring_among
from scoring.records import Array

# Numbers held at once while resampling: 8 MB.
CHUNK = 2**20
# Cases tried at once for a bound; only several held-out workloads of one base can have more.
MAX_CASES = 4096


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
    study_sec = board.study_sec
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
        samples.append(profiles.scores(times.median(drawn), board.scoring))
    return _without(count.max(-1) < 2, _intervals(np.concatenate(samples), level))


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

    Each target was crossed between the evaluation before the hit and the hit. Nobody gains by being
    later oneself, or by others being earlier on a base workload. On a held-out one somebody's
    earlier time may cut a rival off, or oneself, so that is tried out. No workload has to do with
    another base workload than its own.
    """
    latest, earliest = board.time_sec, np.fmin(board.time_sec, earliest_times(board))
    scoring = board.scoring
    low, high = np.empty_like(board.ratio), np.empty_like(board.ratio)
    for place, base in enumerate(scoring.base):
        columns = [base, *(variant for variant, of in scoring.held_out if of == base)]
        pairs = tuple((column, 0) for column in range(1, len(columns)))
        alone = dataclasses.replace(scoring, base=(0,), held_out=pairs)
        early, late = earliest[:, columns], latest[:, columns]
        for one in range(len(board.submissions)):
            hard, easy = _hardest(early, late, one), _easiest(early, late, one, scoring.max_ratio)
            low[one, place] = profiles.scores(hard, alone)[:, one].min()
            high[one, place] = profiles.scores(easy, alone)[:, one].max()
    return low.mean(-1), high.mean(-1)


def _hardest(early: Array, late: Array, one: int) -> Array:
    """Times [case, submission, workload] among which is the worst case for one submission.

    Args:
      early: Earliest times [submission, workload]: of the base workload, then of its held-out ones.
      late: Latest times.
      one: The submission.
    """
    # On held-out workloads all are early, which cuts this one off if anything does, or one rival
    # alone is, which is best for that one's own credit.
    has_held_out = early.shape[1] > 1
    rivals = np.flatnonzero((early[:, 0] < late[one, 0]) & has_held_out)
    cases = np.repeat(late[None], 1 + len(rivals), 0)
    cases[0] = early
    cases[:, :, 0] = early[:, 0]
    for case, rival in enumerate(rivals, start=1):
        cases[case, rival] = early[rival]
    cases[:, one] = late[one]
    return cases


def _easiest(early: Array, late: Array, one: int, max_ratio: float) -> Array:
    """Times as `_hardest`, among which is the best case for one submission."""
    times = late.copy()
    times[one] = early[one]
    variants = range(1, late.shape[1])
    options: list[list[tuple[int, float]]] = []
    for variant in variants:
        # Somebody who is as early as this one can bear, and so cuts off as many rivals as can be.
        bearable = times[one, variant] / max_ratio
        if bearable * max_ratio < times[one, variant]:
            bearable = np.nextafter(bearable, math.inf)
        first = np.maximum(early[:, variant], bearable)
        reached = np.isfinite(late[:, 0])
        fastest = np.where(reached, np.fmin(times[:, variant], math.inf), math.inf).min()
        cutters = np.flatnonzero(reached & (first < fastest))
        best = cutters[first[cutters].argsort(kind="stable")][
            : int(MAX_CASES ** (1 / len(variants)))
        ]
        options.append([(one, times[one, variant]), *((o, first[o]) for o in best if o != one)])
    cases = np.repeat(times[None], math.prod(map(len, options)), 0)
    for case, chosen in zip(cases, itertools.product(*options), strict=True):
        for variant, (somebody, time) in zip(variants, chosen, strict=True):
            case[somebody, variant] = time
    return cases
