"""All trials that were found, as those that are scored: in one order, without copies, and under one
framework for each submission.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np

from scoring.readers.official import STUDY
from scoring.readers.rows import target_of
from scoring.records import STEP, TIME, Facts, Ledger, Trial, natural
from scoring.times import meets
from spec import workload_pb2
from spec.loading import SpecError, load_workload

LAST_DIGITS = 1e-12  # relative error of any number in an official log
ROUNDED = 1e-6  # of a loss in a tidy table, where it is not the target


def merge(ledger: Ledger) -> Ledger:
    """Puts trials in an order that does not depend on how they were found, and names copies.

    Exact copies are left out. Different logs of the same trial (re-runs in a sibling folder) all
    stay.
    """
    result = Ledger(problems=list(ledger.problems))
    by_key: dict[tuple[str, ...], list[Trial]] = {}
    for trial in _with_known_frameworks(ledger.trials):
        by_key.setdefault((*trial.key, trial.framework), []).append(trial)
    num_logs: dict[str, list[int]] = {}
    for (submission, *_), trials in by_key.items():
        kept = _without_copies(trials, result)
        if len(kept) > 1:
            others = ", ".join(trial.origin for trial in kept[1:])
            result.note(kept[0].origin, f"another log of the same trial also counts: {others}")
        num_logs.setdefault(submission, []).append(len(kept))
        result.trials += kept
    for submission, numbers in num_logs.items():
        _check_namesakes(submission, numbers, result)
    _note_places(result)
    result.trials.sort(key=_order)
    result.problems = sorted(set(result.problems))
    return result


def by_framework(ledger: Ledger, counted: Collection[str]) -> Ledger:
    """The ledger with each submission that ran one of the workloads that count under two frameworks,
    with more than one evaluation, as two: `name [jax]` and `name [pytorch]`.
    """
    frameworks = _frameworks(
        trial for trial in ledger.trials if trial.workload in counted and trial.num_evaluations > 1
    )  # one evaluation alone is a start that led nowhere
    mixed = {submission for (submission, _), found in frameworks.items() if len(found) > 1}
    if not mixed:
        return ledger
    trials = [
        dataclasses.replace(trial, submission=f"{trial.submission} [{trial.framework}]")
        if trial.submission in mixed
        else trial
        for trial in ledger.trials
    ]
    result = Ledger(sorted(trials, key=_order), list(ledger.problems))
    for submission in sorted(mixed):
        result.note(
            submission, "logs of two frameworks for one workload: scored as two submissions"
        )
    return result


def _order(trial: Trial) -> tuple[object, ...]:
    return (*map(natural, trial.key), trial.framework, trial.origin)


def _frameworks(trials: Iterable[Trial]) -> dict[tuple[str, str], set[str]]:
    """The frameworks that are known of each submission on each workload."""
    found: dict[tuple[str, str], set[str]] = {}
    for trial in trials:
        if trial.framework:
            found.setdefault((trial.submission, trial.workload), set()).add(trial.framework)
    return found


def _with_known_frameworks(trials: Sequence[Trial]) -> Iterator[Trial]:
    """The trials; a log without a framework is of the one that others of its submission and
    workload name, if that is one.
    """
    known = _frameworks(trials)
    for trial in trials:
        one, *more = known.get((trial.submission, trial.workload), {""})
        yield trial if trial.framework or more else dataclasses.replace(trial, framework=one)


def _note_places(ledger: Ledger) -> None:
    """Notes what is not where the logs of one submission are expected."""
    homes: dict[str, set[str]] = {}
    for trial in ledger.trials:
        if trial.home:
            homes.setdefault(trial.submission, set()).add(trial.home)
    for submission, places in homes.items():
        if len(places) > 1:
            what = f"its trials lie in {len(places)} places: {', '.join(sorted(places))}"
            ledger.note(submission, f"{what}: one submission, or several of one name?")
    for submission, study in sorted({(trial.submission, trial.study) for trial in ledger.trials}):
        if not STUDY.fullmatch(study):
            text = f"study {study!r} counts, but is not called study_<number>: is it one?"
            ledger.note(submission, text)


def _check_namesakes(submission: str, num_logs: Sequence[int], ledger: Ledger) -> None:
    """Reports a submission of whose trials, more than one, at least half have different logs."""
    num_twice = sum(num > 1 for num in num_logs)
    if num_twice > 1 and 2 * num_twice >= len(num_logs):
        text = (
            f"{num_twice} of {len(num_logs)} trials have different logs, and the best counts: "
            "two versions or two submissions of one name? Rename one, or score it apart"
        )
        ledger.error(submission, text)


def _without_copies(trials: Sequence[Trial], ledger: Ledger) -> list[Trial]:
    """Trials with different evaluations; of copies the one that says most. Places decide nothing
    that the logs do.
    """
    if len(trials) == 1:
        return list(trials)
    kept: list[Trial] = []
    for trial in sorted(trials, key=_order_of_copies):
        twin = next((other for other in kept if _same_evaluations(trial, other)), None)
        if twin is None:
            kept.append(trial)
        else:
            ledger.note(trial.origin, f"left out: the same evaluations as {twin.origin}")
    return kept


def _order_of_copies(trial: Trial) -> tuple[object, ...]:
    columns = [
        (name, values.tobytes())
        for rows in (trial.columns, trial.as_written or {})
        for name, values in sorted(rows.items())
    ]
    workload = _workload(trial)
    scores_nothing = workload is not None and target_of(workload)[0] not in trial.columns
    return (scores_nothing, -_num_facts(trial), columns, repr(trial.facts), trial.origin)


def _num_facts(trial: Trial) -> int:
    facts = (getattr(trial.facts, field.name) for field in dataclasses.fields(Facts))
    num_stated = sum(fact not in (None, "") for fact in facts)
    return len(trial.columns) + len(trial.as_written or ()) + num_stated


def _same_evaluations(a: Trial, b: Trial) -> bool:
    """Equal times, steps and metrics on validation, and the same evaluations at the target."""
    workload = _workload(a) or _workload(b)
    target = target_of(workload)[0] if workload else ""

    def equal(name: str) -> bool:
        tolerance = ROUNDED if name.endswith("loss") and name != target else LAST_DIGITS
        return np.allclose(a.columns[name], b.columns[name], rtol=tolerance, atol=0, equal_nan=True)

    common = a.columns.keys() & b.columns.keys()
    compared = [name for name in common if name in (TIME, STEP) or name.startswith("validation/")]
    if a.num_evaluations != b.num_evaluations or not all(map(equal, compared)):
        return False
    return workload is None or target not in common or _same_hits(a, b, workload)


def _same_hits(a: Trial, b: Trial, workload: workload_pb2.Workload) -> bool:
    """Whether the same evaluations attain the target, under whatever version."""
    name, direction = target_of(workload)
    values = {rules.validation_target for rules in workload.rules.values()}
    return all(
        np.array_equal(
            meets(a.columns[name], value, direction), meets(b.columns[name], value, direction)
        )
        for value in values
    )


def _workload(trial: Trial) -> workload_pb2.Workload | None:
    try:
        return load_workload(trial.workload)
    except SpecError:
        return trial.facts.workload
