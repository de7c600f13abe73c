"""The whole way from trials to a leaderboard, and everything about it that later parts build on."""

import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from scoring import profiles, times
from scoring.outcomes import Outcome, outcome
from scoring.profiles import Scoring
from scoring.records import Array, Trial, printable
from scoring.rules import Rules, as_official
from scoring.times import MISS, Hit, Method, TrialArrays

OnCrash = Literal["miss", "exclude", "refuse"]


class CrashedTrialsError(Exception):
    """Raised where crashed trials are refused. The text lists them."""


@dataclasses.dataclass(frozen=True)
class Board:
    """A leaderboard. Arrays are [submission, workload, ...], labelled as `arrays` is: over the
    workloads that count alone, and those who ran any. Trials may be of others too.
    """

    rules: Rules
    scoring: Scoring
    on_crash: OnCrash
    trials: Sequence[Trial]
    hits: Sequence[Hit]  # of each trial
    stable_hits: Sequence[Hit]
    outcomes: Sequence[Outcome]
    arrays: TrialArrays
    excluded: np.ndarray  # trials that do not count, in the shape of arrays.time_sec
    study_sec: Array  # [submission, workload, study]
    time_sec: Array  # [submission, workload]
    ratio: Array  # [submission, base workload]
    score: Array  # [submission]

    @property
    def method(self) -> Method:
        return self.scoring.method

    @property
    def submissions(self) -> tuple[str, ...]:
        return self.arrays.submissions

    @property
    def workloads(self) -> tuple[str, ...]:
        return self.arrays.workloads

    @property
    def rank(self) -> Array:
        return profiles.ranks(self.score)

    @property
    def credit(self) -> Array:
        return profiles.credits(self.ratio, self.scoring)

    @property
    def order(self) -> list[int]:
        """Submissions from the best score to the worst, equal ones by name."""
        names = self.submissions
        score = self.score.round(12)
        return sorted(range(len(names)), key=lambda i: (-score[i], names[i]))

    @property
    def budget_sec(self) -> Array:
        """Budget of each workload."""
        return np.array([self.rules.workloads[name].budget_sec for name in self.workloads])


def assess(
    trials: Sequence[Trial],
    rules: Rules,
    *,
    method: Method = "documented",
    on_crash: OnCrash = "miss",
) -> Board:
    """Scores trials.

    Args:
      trials: All trials of all submissions to be compared.
      rules: What counts.
      method: `documented` as the benchmark's documents say, `official` as its code computes.
      on_crash: What a trial counts as that broke off without reaching its target: a miss like any
        other; nothing, as if it had not been started; or an error.

    Raises:
      CrashedTrialsError: on_crash is `refuse` and a trial of a scored workload crashed.
    """
    any_time = method == "official"
    if method == "official":
        rules = as_official(rules)
        trials = [trial.with_all_rows for trial in trials]
    known = rules.workloads
    hits = [
        times.first_hit(trial, known[trial.workload], any_time=any_time)
        if trial.workload in known
        else MISS
        for trial in trials
    ]
    stable = [
        times.first_hit(trial, known[trial.workload], stable=True, any_time=any_time)
        if hit.reached
        else MISS
        for trial, hit in zip(trials, hits, strict=True)
    ]
    outcomes = [
        outcome(trial, known.get(trial.workload), hit)
        for trial, hit in zip(trials, hits, strict=True)
    ]
    if on_crash == "refuse":
        _refuse_crashes(trials, outcomes, rules)
    arrays = times.trial_arrays(trials, hits, rules.counted)
    excluded = excluded_trials(arrays, outcomes, on_crash)
    study_sec = times.study_times(arrays, method, excluded=excluded)
    time_sec = times.median(study_sec)
    max_ratio = rules.ruleset.max_ratio
    scoring = profiles.layout(arrays.workloads, rules.base, rules.held_out, max_ratio, method)
    ratio = profiles.ratios(time_sec, scoring)
    return Board(
        rules=rules,
        scoring=scoring,
        on_crash=on_crash,
        trials=trials,
        hits=hits,
        stable_hits=stable,
        outcomes=outcomes,
        arrays=arrays,
        excluded=excluded,
        study_sec=study_sec,
        time_sec=time_sec,
        ratio=ratio,
        score=profiles.credits(ratio, scoring).mean(-1),
    )


def excluded_trials(
    arrays: TrialArrays, outcomes: Sequence[Outcome], on_crash: OnCrash
) -> np.ndarray:
    """Which trials do not count, in the shape of arrays.time_sec."""
    crashed = np.array([o.crashed for o in outcomes] + [False])[arrays.position]
    return crashed if on_crash == "exclude" else np.zeros_like(crashed)


def _refuse_crashes(trials: Sequence[Trial], outcomes: Sequence[Outcome], rules: Rules) -> None:
    crashed = [
        printable(f"{'/'.join(trial.key)}: {ended.ending.value} ({ended.evidence})")
        for trial, ended in zip(trials, outcomes, strict=True)
        if ended.crashed and trial.workload in rules.counted
    ]
    if crashed:
        raise CrashedTrialsError(f"{len(crashed)} trials crashed:\n" + "\n".join(crashed))


def ending_counts(board: Board) -> dict[str, collections.Counter[str]]:
    """Number of trials of each submission by how they ended, over the workloads that count."""
    counts: dict[str, collections.Counter[str]] = {
        name: collections.Counter() for name in board.submissions
    }
    for trial, ended in zip(board.trials, board.outcomes, strict=True):
        if trial.workload in board.rules.counted:
            counts[trial.submission][ended.ending.value] += 1
    return counts


def num_crashed(board: Board) -> dict[str, int]:
    """Number of crashed trials of each submission, over the workloads that count."""
    counts = dict.fromkeys(board.submissions, 0)
    for trial, ended in zip(board.trials, board.outcomes, strict=True):
        if trial.workload in board.rules.counted and ended.crashed:
            counts[trial.submission] += 1
    return counts


def scoring_among(board: Board, submissions: Sequence[int]) -> Scoring:
    """How credit is given when these submissions alone are scored: a variant that is held out only
    because it is in the logs is none when nobody of them ran it.
    """
    if not board.rules.held_out_if_run:
        return board.scoring
    ran = board.arrays.position[list(submissions)].max((0, 2, 3), initial=-1) >= 0
    held_out = tuple(pair for pair in board.scoring.held_out if ran[pair[0]])
    return dataclasses.replace(board.scoring, held_out=held_out)


def stable_times(board: Board) -> Array:
    """Times to the first evaluation that every later one confirms [submission, workload]."""
    arrays = times.trial_arrays(board.trials, board.stable_hits, board.workloads)
    return times.median(times.study_times(arrays, board.method, excluded=board.excluded))


def earliest_times(board: Board) -> Array:
    """Lower bounds on the true crossings [submission, workload].

    Targets are looked at on the grid of evaluations only: a trial crossed its target after the
    evaluation before the one that showed it. The bound of a study is the smallest of its trials',
    that of a workload their median.
    """
    order = times.preference(board.arrays, board.method, excluded=board.excluded)
    present = ~np.isnan(order)
    earliest = np.where(np.isnan(board.arrays.earliest_sec), math.inf, board.arrays.earliest_sec)
    bounds = np.where(present, earliest, math.nan)
    return times.median(times.picked(bounds, bounds))


def fixed_reference_scores(board: Board) -> Array | None:
    """Scores [submission] that do not depend on who else entered: mean fraction of budget left.

    0 for a workload whose target, or whose held-out variant's, was not reached within the budget.
    None where a workload has no budget.
    """
    budget = board.budget_sec
    base = list(board.scoring.base)
    if not np.isfinite(budget[base]).all():
        return None
    used = np.where(np.isfinite(board.time_sec), board.time_sec, math.inf) / budget
    for variant, of in board.scoring.held_out:
        used[:, of] = np.where(np.isfinite(used[:, variant]), used[:, of], math.inf)
    return np.clip(1 - used[:, base], 0, 1).mean(-1)
