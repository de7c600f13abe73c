"""Tidy csv files (also .xz): a table of all evaluations of a submission, a table of all trials.

`evals_<version>_<ruleset>_<submission>.csv` has one row an evaluation with the columns of `NUMBERS`
and the workload's target metric on each split. `trials_*.csv` has one row a trial, also for trials
without any evaluation.
"""

import csv
import dataclasses
import functools
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from scoring.readers.columns import LFS_POINTER, NUMBER, Run, header_of, read_columns
from scoring.readers.rows import LINE, checked, known_target
from scoring.records import EVAL_TIME, STEP, TIME, TOTAL, Facts, Ledger, Trial
from spec import metrics
from spec.loading import SpecError, load_workload

EVALS_NAME = re.compile(r"evals_(v\d\.?\d+)_(external|self)_(.+)")
IDENTITY = ("workload", "framework", "study", "trial")
FRAMEWORKS = ("jax", "pytorch", "")  # empty where it is not known
NUMBERS = (STEP, TIME, EVAL_TIME, TOTAL)
METRICS = ("val_metric", "val_loss")  # of what there is, what scores and checks need


Made = tuple[str, tuple[str, str]]  # a submission and what its trials were made for


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table of trials."""

    trial: Trial
    has_evaluations: bool


def kind(data: bytes) -> str | None:
    """`evals`, `trials`, or None for another csv."""
    header = header_of(data)
    if {*IDENTITY, STEP, TIME, "val_metric"} <= header:
        return "evals"
    return "trials" if {"submission", *IDENTITY, "has_eval_csv"} <= header else None


def claims_to_be_one(name: str, data: bytes) -> bool:
    """Whether a csv of no `kind` was meant to be a table: by its name, or as the pointer to one."""
    return name.startswith(("evals_", "trials_")) or data.startswith(LFS_POINTER)


def read_evaluations(data: bytes, stem: str, origin: str, ledger: Ledger) -> Made:
    """Adds the trials of one table of evaluations. The file's name names the submission and what
    its trials were made for, which is the result.
    """
    match = EVALS_NAME.fullmatch(stem)
    version, tuning, submission = match.groups() if match else ("", "", stem)
    facts = Facts(made_for=(_with_dot(version), tuning))
    numbers, runs = read_columns(
        data,
        origin,
        ledger,
        is_number=lambda name: name in NUMBERS or name in METRICS,
        texts=IDENTITY,
    )
    for key, rows in _by_key(runs).items():
        try:
            identity = _trial_names(*key)
        except ValueError as error:
            text = f"row left out, and all of its trial: {error}"
            ledger.error(origin, text, int(numbers[LINE][rows][0]))
            continue
        names = _official_names(key[0]).items()
        columns = {official: numbers[name][rows] for name, official in names if name in numbers}
        columns = checked(columns, known_target(key[0]), origin, ledger)
        home = origin.rpartition("/")[0]
        ledger.trials.append(
            Trial(submission, *identity, columns=columns, origin=origin, home=home, facts=facts)
        )
    return submission, facts.made_for


def _by_key(runs: Sequence[Run]) -> dict[tuple[str, ...], slice | np.ndarray]:
    """The rows of each key. Mostly they stand together: a slice copies nothing."""
    found: dict[tuple[str, ...], list[slice]] = {}
    for key, rows in runs:
        found.setdefault(key, []).append(rows)
    return {key: rows[0] if len(rows) == 1 else np.r_[tuple(rows)] for key, rows in found.items()}


def _trial_names(
    workload: str, framework: str, study: str, trial: str
) -> tuple[str, str, str, str]:
    """Workload, study, trial and framework as elsewhere; ValueError where a cell is none of them."""
    if not workload or '"' in workload:
        raise ValueError(f"workload is {workload!r}, expected a name without quotes")
    if framework not in FRAMEWORKS:
        raise ValueError(f"framework is {framework!r}, expected one of {FRAMEWORKS}")
    for name, cell in (("study", study), ("trial", trial)):
        if not re.fullmatch("[0-9]{1,9}", cell):
            raise ValueError(f"{name} is {cell!r}, expected a whole number")
    return workload, f"study_{int(study)}", f"trial_{int(trial)}", framework


def _with_dot(version: str) -> str:
    """`v05` as `v0.5`, which stays."""
    return f"{version[:2]}.{version[2:].removeprefix('.')}" if version else ""


@functools.cache
def _official_names(workload: str) -> dict[str, str]:
    """Tidy column -> official column. Where the loss is the target, the metric's column wins."""
    target, loss = "metric", "loss"
    try:
        message = load_workload(workload)
        target = metrics.metric_name(message.target_metric)
        loss = next(name for name in metrics.family_names(message.metrics) if name.endswith("loss"))
    except SpecError:
        pass
    return {name: name for name in (*NUMBERS, LINE)} | {
        "val_loss": f"validation/{loss}",
        "val_metric": f"validation/{target}",
    }


def read_trials(data: bytes, origin: str, ledger: Ledger) -> list[Row]:
    """The rows of a table of trials. They say nothing about scores by themselves: see `join`."""
    rows = []
    whole, newline, torn = data.rpartition(b"\n")
    if torn:
        line = data.count(b"\n") + 1
        ledger.error(origin, "row left out: torn, no newline ends it", line)
    text = (whole + newline).decode("utf-8-sig", "replace")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for cells in reader:
            try:
                rows.append(_row(cells, origin))
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                ledger.error(origin, f"row left out: {error}", reader.line_num)
    except csv.Error as error:
        ledger.error(origin, f"the rest is no csv: {error}", reader.line_num)
    return rows


def _row(cells: Mapping[str, str], origin: str) -> Row:
    if None in cells or None in cells.values():
        raise ValueError("more or fewer cells than the header has")
    if cells["has_eval_csv"] not in ("True", "False"):
        raise ValueError(f"has_eval_csv is {cells['has_eval_csv']!r}, expected True or False")

    def number(name: str) -> float | None:
        cell = cells.get(name)
        if not cell:
            return None
        if not NUMBER.fullmatch(cell) or not math.isfinite(float(cell)):
            raise ValueError(f"{name} is {cell[:40]!r}, expected a finite number")
        return float(cell)

    def integer(name: str) -> int | None:
        value = number(name)
        return None if value is None else int(value)

    point = json.loads(cells["hparams_json"]) if cells.get("hparams_json") else None
    if not isinstance(point, dict | None):
        raise ValueError(f"hparams_json is {cells['hparams_json'][:40]!r}, expected a JSON object")
    facts = Facts(
        final_time_sec=number("final_submission_time"),
        final_step=integer("final_step"),
        budget_sec=number("meta_max_runtime_s"),
        step_limit=integer("flag_max_global_steps"),
        eval_period_sec=number("meta_eval_period_s"),
        validation_target=number("meta_val_target"),
        seed=integer("rng_seed"),
        hyperparameters=point,
        versions={"commit": cells["git_commit"]} if cells.get("git_commit") else {},
        made_for=(_with_dot(cells.get("version") or ""), cells.get("ruleset") or ""),
    )
    identity = _trial_names(*[cells[name] for name in IDENTITY])
    trial = Trial(cells["submission"], *identity, columns={}, origin=origin, facts=facts)
    return Row(trial, cells["has_eval_csv"] == "True")


def join(rows: Iterable[Row], tables: Mapping[Made, str], ledger: Ledger) -> None:
    """Completes the ledger's tidy trials with what the table of trials says, and adds trials
    without evaluations.

    Only submissions with evaluations in the ledger are touched: the table may list more than is to
    be scored.

    Args:
      rows: Of all tables of trials.
      tables: Where the tables of evaluations are.
      ledger: With all trials that have evaluations.
    """
    place = {_identity(trial): index for index, trial in enumerate(ledger.trials)}
    known = {(trial.submission, trial.facts.made_for) for trial in ledger.trials}
    listed = set()
    for row in rows:
        trial = row.trial
        listed.add((trial.submission, trial.facts.made_for))
        if (trial.submission, trial.facts.made_for) not in known:
            continue
        index = place.get(_identity(trial))
        if index is not None:
            found = ledger.trials[index]
            if found.facts.are_none:
                ledger.trials[index] = dataclasses.replace(found, facts=trial.facts)
        elif row.has_evaluations:
            name = "/".join(trial.key)
            ledger.error(trial.origin, f"{name} has evaluations that are in no file given")
        else:
            ledger.trials.append(trial)
    for made in tables.keys() - listed:
        what = (
            "no table of trials: their endings are inferred, those without evaluations are missing"
        )
        ledger.note(tables[made], what)


def _identity(trial: Trial) -> tuple[object, ...]:
    return (*trial.key, trial.framework, trial.facts.made_for)
