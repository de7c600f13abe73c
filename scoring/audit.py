"""Checks of logs: what in them deserves a look before a score is believed. Each finding with its
evidence.
"""

import collections
import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from scoring.board import Board
from scoring.records import DATA, EVAL_TIME, NO_ROWS, PREEMPTION, STEP, TIME, TOTAL, Trial, natural
from scoring.rules import WorkloadRules

# A trial is slower than its repetitions when its seconds a step exceed the least by this factor.
STEP_TIME_REGRESSION = 1.1
# Evaluations are off their period when the median wall time between them is outside of these
# factors.
PERIOD_RANGE = (0.9, 1.5)
# Evaluations are missing between two whose timed seconds are this many usual gaps apart. In some
# 2,000 published trials the largest gap is 1.3 usual ones.
HOLE = 1.5
# A budget is kept when the last evaluation is at most this far past it; an evaluation may be due
# then.
BUDGET_SLACK = 1.01
MAX_NAMES = 5


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing found. `where` is the widest thing it is true of, `evidence` the numbers that show
    it.
    """

    check: str
    where: str
    evidence: str


def findings(board: Board) -> list[Finding]:
    """All findings about the trials of a leaderboard, in order of checks and places."""
    workloads: dict[tuple[str, str], list[int]] = {}
    submissions: dict[str, list[Trial]] = {}
    for place, trial in enumerate(board.trials):
        workloads.setdefault((trial.submission, trial.workload), []).append(place)
        submissions.setdefault(trial.submission, []).append(trial)
    found: list[Finding] = []
    for (submission, workload), places in workloads.items():
        where = f"{submission}/{workload}"
        trials = [board.trials[place] for place in places]
        found += _not_increasing(where, trials)
        found += _step_time(where, trials)
        found += _holes(where, trials)
        rules = board.rules.workloads.get(workload)
        if rules is not None:
            found += _past_budget(where, trials, rules)
            found += _period(where, trials, rules)
            found += _recorded_rules(where, trials, rules, board.rules.ruleset.budget_factor)
            found += _unstable(where, trials, [board.hits[p].row for p in places], rules)
    for submission, trials in submissions.items():
        found += _same_points(submission, trials)
        found += _same_seeds(submission, trials)
        found += _counts(submission, trials, board)
    found += _missing_workloads(board)
    found += _order_dependent(board)
    found += _hardware(board.trials)
    found += _versions(board.trials)
    found += _set_ups(board.trials)
    found += _copies(board.trials, board.rules.workloads)
    return sorted(found, key=lambda finding: (finding.check, natural(finding.where)))


def _names(trials: Iterable[Trial]) -> str:
    """Some of the trials by name, and how many there are."""
    names = [f"{trial.study}/{trial.trial}" for trial in trials]
    shown = ", ".join(names[:MAX_NAMES])
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES} more"


def _not_increasing(where: str, trials: Sequence[Trial]) -> Iterator[Finding]:
    for column in (STEP, TIME, TOTAL):
        bad = []
        for trial in trials:
            values = trial.columns.get(column, NO_ROWS)
            runs = trial.columns.get(PREEMPTION, np.zeros(len(values)))
            # A run that was resumed goes back, and counts some of its seconds from its own start.
            rises = (values[1:] > values[:-1]) | (runs[1:] > runs[: len(values) - 1])
            if not rises.all():
                bad.append((trial, int(rises.argmin()) + 2))
        if bad:
            rows = f"first at evaluation {bad[0][1]}"
            evidence = f"{column} does not rise in {_names(t for t, _ in bad)}; {rows}"
            yield Finding("times strictly increase", where, evidence)


def _past_budget(where: str, trials: Sequence[Trial], rules: WorkloadRules) -> Iterator[Finding]:
    past = [
        (trial, float(trial.times_sec[-1]))
        for trial in trials
        if trial.num_evaluations and trial.times_sec[-1] > rules.budget_sec
    ]
    if not past:
        return
    longest = max(time for _, time in past)
    excess = 100 * (longest / rules.budget_sec - 1)
    what = "by more than 1 %" if longest > BUDGET_SLACK * rules.budget_sec else "slightly"
    evidence = (
        f"evaluated {what} past {rules.budget_sec:.0f} s, up to {longest:.0f} s ({excess:.2f} %): "
        f"{_names(trial for trial, _ in past)}"
    )
    yield Finding("budget respected", where, evidence)


def _period(where: str, trials: Sequence[Trial], rules: WorkloadRules) -> Iterator[Finding]:
    """The wall time from the end of one evaluation to the start of the next, against the period."""
    gaps = []
    for trial in trials:
        total, evaluating = trial.columns.get(TOTAL), trial.columns.get(EVAL_TIME)
        if total is not None and evaluating is not None and len(total) > 2:
            untimed = total - evaluating
            gaps.append(float(np.median(untimed[1:] - untimed[:-1])))
    if not gaps or not rules.eval_period_sec:
        return
    gap = float(np.median(gaps))
    low, high = (factor * rules.eval_period_sec for factor in PERIOD_RANGE)
    if low <= gap <= high:
        return
    late = f"; a time may be {gap:.0f} s late" if gap > high else ""
    period = f"expected {rules.eval_period_sec:.0f} s"
    evidence = f"median of {gap:.0f} s between evaluations, {period}{late}"
    yield Finding("evaluation period kept", where, evidence)


def _holes(where: str, trials: Sequence[Trial]) -> Iterator[Finding]:
    """The largest gap between evaluations of single trials, against the usual one of the trial."""
    holes = []
    for trial in trials:
        gaps = np.diff(trial.times_sec)
        if len(gaps) > 1 and gaps.max() > HOLE * (usual := float(np.median(gaps))):
            holes.append((float(gaps.max()), usual, int(gaps.argmax()) + 1, trial))
    if holes:
        gap, usual, row, trial = max(holes, key=lambda hole: hole[0])
        evidence = (
            f"up to {gap:.0f} s between evaluations {row} and {row + 1} of {_names([trial])}, "
            f"usually {usual:.0f} s; a time may be as late: {_names(hole[-1] for hole in holes)}"
        )
        yield Finding("no evaluations are missing", where, evidence)


def _recorded_rules(
    where: str, trials: Sequence[Trial], rules: WorkloadRules, factor: float
) -> Iterator[Finding]:
    """Targets, budgets and periods that runs recorded, against those they are scored by."""
    # Official logs record the budget without the factor of self tuning.
    budgets = {rules.budget_sec, rules.budget_sec / factor}
    stated: list[tuple[str, Callable[[Trial], float | None], set[float]]] = [
        ("target", lambda trial: trial.facts.validation_target, {rules.target}),
        ("budget", lambda trial: trial.facts.budget_sec, budgets),
        ("evaluation period", lambda trial: trial.facts.eval_period_sec, {rules.eval_period_sec}),
    ]
    for name, value_of, expected in stated:
        other = [
            (trial, value)
            for trial in trials
            if (value := value_of(trial)) is not None
            and not any(math.isclose(value, right, rel_tol=1e-9) for right in expected)
        ]
        if other:
            values = ", ".join(f"{value:g}" for value in sorted({value for _, value in other}))
            right = " or ".join(f"{value:g}" for value in sorted(expected))
            evidence = f"recorded {values}, scored by {right}: {_names(t for t, _ in other)}"
            yield Finding(f"recorded {name} is the ruleset's", where, evidence)


def _step_time(where: str, trials: Sequence[Trial]) -> Iterator[Finding]:
    """Seconds a step of each trial against its repetitions in other studies."""
    repetitions: dict[str, list[tuple[Trial, float]]] = {}
    for trial in trials:
        if trial.num_evaluations > 1:
            steps, times = trial.columns[STEP], trial.times_sec
            # From the first evaluation on, so that compilation before it plays no part.
            if steps[-1] > steps[0]:
                pace = float((times[-1] - times[0]) / (steps[-1] - steps[0]))
                repetitions.setdefault(trial.trial, []).append((trial, pace))
    slow = []
    for paces in repetitions.values():
        least = min(pace for _, pace in paces)
        slow += [(t, pace / least) for t, pace in paces if pace > STEP_TIME_REGRESSION * least]
    if slow:
        worst = max(ratio for _, ratio in slow)
        names = _names(trial for trial, _ in slow)
        evidence = f"steps up to {worst:.2f} times as slow as in the fastest study: {names}"
        yield Finding("step time is steady", where, evidence)


def _same_points(submission: str, trials: Sequence[Trial]) -> Iterator[Finding]:
    """Hyperparameter points that several studies of a workload share."""
    points: dict[tuple[str, str], set[str]] = {}
    for trial in trials:
        if trial.facts.hyperparameters:
            text = json.dumps(trial.facts.hyperparameters, sort_keys=True)
            points.setdefault((trial.workload, text), set()).add(trial.study)
    repeated = {key: studies for key, studies in points.items() if len(studies) > 1}
    if repeated:
        num_workloads = len({workload for workload, _ in repeated})
        evidence = (
            f"on {num_workloads} workloads {len(repeated)} of {len(points)} hyperparameter points "
            f"occur in several studies, up to {max(map(len, repeated.values()))}: studies repeat "
            "seeds, not the choice of points"
        )
        yield Finding("studies draw their own points", submission, evidence)


def _same_seeds(submission: str, trials: Sequence[Trial]) -> Iterator[Finding]:
    """Seeds that several studies of a workload share for the same trial."""
    seeds: dict[tuple[str, str, int], list[Trial]] = {}
    for trial in trials:
        if trial.facts.seed is not None:
            seeds.setdefault((trial.workload, trial.trial, trial.facts.seed), []).append(trial)
    shared = {
        key: group for key, group in seeds.items() if len({trial.study for trial in group}) > 1
    }
    if shared:
        (workload, _, seed), group = min(shared.items(), key=lambda item: item[0])
        num_workloads = len({workload for workload, *_ in shared})
        evidence = (
            f"on {num_workloads} workloads {len(shared)} of {len(seeds)} seeds occur in several "
            f"studies of a trial, such as {seed} on {workload} in {_names(group)}"
        )
        yield Finding("studies have their own seeds", submission, evidence)


def _copies(trials: Sequence[Trial], rules: Mapping[str, WorkloadRules]) -> Iterator[Finding]:
    """Logs of different names whose times, steps and metrics are equal to the last digit."""
    logs: dict[tuple[str, int], list[Trial]] = {}
    for trial in trials:
        if trial.num_evaluations > 1 and trial.workload in rules:
            names = (TIME, STEP, rules[trial.workload].metric)
            content = tuple(trial.columns.get(name, NO_ROWS).tobytes() for name in names)
            logs.setdefault((trial.workload, hash(content)), []).append(trial)
    copies: dict[str, list[list[Trial]]] = {}
    for group in logs.values():
        if len(group) > 1:
            who = ", ".join(sorted({trial.submission for trial in group}, key=natural))
            copies.setdefault(who, []).append(group)
    for who, groups in copies.items():
        first = " and ".join(f"{'/'.join(t.key)} [{t.framework}]" for t in groups[0][:2])
        evidence = f"{len(groups)} logs stand under several names, such as {first}"
        yield Finding("logs are no copies of others", who, evidence)


def _counts(submission: str, trials: Sequence[Trial], board: Board) -> Iterator[Finding]:
    """Studies and trials that are too many or too few for the ruleset."""
    ruleset = board.rules.ruleset
    counted = board.rules.counted
    cells = collections.Counter((t.workload, t.study) for t in trials if t.workload in counted)
    num_studies = collections.Counter(workload for workload, _ in cells)
    for what, expected, counts in [
        ("studies", ruleset.num_studies, num_studies),
        ("trials", ruleset.trials_per_study, {"/".join(key): n for key, n in cells.items()}),
    ]:
        odd: dict[int, list[str]] = {}
        for name, count in counts.items():
            if count != expected:
                odd.setdefault(count, []).append(name)
        for count, names in sorted(odd.items()):
            more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
            listed = ", ".join(names[:MAX_NAMES]) + more
            evidence = f"{count} {what}, the ruleset has {expected}: {listed}"
            yield Finding(f"number of {what}", submission, evidence)


def _unstable(
    where: str, trials: Sequence[Trial], rows: Sequence[int], rules: WorkloadRules
) -> Iterator[Finding]:
    """Trials that fell behind their target again after they had reached it."""
    back = []
    for trial, row in zip(trials, rows, strict=True):
        later = trial.columns[rules.metric][row:] if row >= 0 else np.empty(0)
        better = later >= rules.target if rules.direction.value == "max" else later <= rules.target
        if not better.all():
            back.append((trial, int((~better).sum()), len(later) - 1))
    if back:
        _, missed, count = max(back, key=lambda entry: entry[1])
        names = _names(trial for trial, _, _ in back)
        evidence = f"{names}; in one {missed} of {count} later evaluations miss"
        yield Finding("a target once reached stays reached", where, evidence)


def _missing_workloads(board: Board) -> Iterator[Finding]:
    for i, name in enumerate(board.submissions):
        missing = [
            workload
            for workload in board.rules.counted
            if np.isnan(board.arrays.time_sec[i, board.workloads.index(workload)]).all()
        ]
        if missing:
            yield Finding("every workload was run", name, f"no trial of {', '.join(missing)}")


def _order_dependent(board: Board) -> Iterator[Finding]:
    """Studies in which the official code's choice among trials hangs on the order of folders."""
    row = np.where(board.arrays.num_evaluations > 0, board.arrays.row, math.nan)
    if not row.shape[-1]:
        return
    first = np.where(np.isnan(row), math.inf, row).min(-1, keepdims=True)
    tied = (row == first) & np.isfinite(row)
    time = board.arrays.time_sec
    slow = np.where(tied, time, -math.inf).max(-1)
    fast = np.where(tied, time, math.inf).min(-1)
    for i, w in np.argwhere((tied.sum(-1) > 1).any(-1)):
        several = np.argwhere(tied[i, w].sum(-1) > 1)[:, 0]
        studies = [j for j in several if slow[i, w, j] > fast[i, w, j]]
        if studies:
            worst = max(float(slow[i, w, j] - fast[i, w, j]) for j in studies)
            labels = ", ".join(board.arrays.studies[j] for j in studies)
            where = f"{board.submissions[i]}/{board.workloads[w]}"
            evidence = f"{labels}: trials hit at the same evaluation, up to {worst:.1f} s apart"
            yield Finding("official choice of trial is unique", where, evidence)


def _hardware(trials: Sequence[Trial]) -> Iterator[Finding]:
    users: dict[str, set[str]] = {}
    for trial in trials:
        if trial.facts.hardware:
            users.setdefault(trial.facts.hardware, set()).add(trial.submission)
    if len(users) > 1:
        lines = (f"{name}: {', '.join(sorted(who))}" for name, who in sorted(users.items()))
        evidence = f"times on different machines: {'; '.join(lines)}"
        yield Finding("one kind of hardware", "all trials", evidence)


def _versions(trials: Sequence[Trial]) -> Iterator[Finding]:
    """Software versions that differ between the runs of one submission."""
    return _several(
        "one version of the software",
        (
            (trial.submission, name, version)
            for trial in trials
            for name, version in trial.facts.versions.items()
        ),
    )


def _set_ups(trials: Sequence[Trial]) -> Iterator[Finding]:
    """Set-ups that differ between the runs of one submission on one workload; data between any."""
    return _several(
        "one set-up on each workload",
        (
            (
                trial.workload if name == DATA else f"{trial.submission}/{trial.workload}",
                name,
                value,
            )
            for trial in trials
            for name, value in trial.facts.set_up.items()
        ),
    )


def _several(check: str, stated: Iterable[tuple[str, str, str]]) -> Iterator[Finding]:
    """Findings about what has several values in one place, from (place, name, value)."""
    seen: dict[tuple[str, str], collections.Counter[str]] = {}
    for where, name, value in stated:
        seen.setdefault((where, name), collections.Counter())[value] += 1
    for (where, name), counts in sorted(seen.items()):
        if len(counts) > 1:
            listed = (f"{value} ({n} trials)" for value, n in counts.most_common(MAX_NAMES))
            yield Finding(check, where, f"{name}: {', '.join(listed)}")
