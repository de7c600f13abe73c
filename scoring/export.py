"""Trials in the layout of the official runner, so that the official scorer can read our runs."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from scoring.readers.official import EVALUATIONS, RULES_VERSION, as_folder
from scoring.records import LOGGING_TIME, PREEMPTION, STEP, TIME, Trial
from spec.files import write_text


class ExportError(ValueError):
    """A trial that has no place of its own in the official layout. The text names the log."""


def write_trials(trials: Iterable[Trial], root: Path, sources: Iterable[Path] = ()) -> int:
    """Writes every trial below root as <submission>/<study>/<workload>_<framework>/<trial>.

    Returns the number of trials. A `/` in the name of a workload becomes `_` in that of the folder. Logs
    are never written over: everything is checked before anything is written.

    Args:
      trials: The trials.
      root: Folder to write into.
      sources: Where the logs of the trials were found.

    Raises:
      ExportError: a trial does not name its framework, a name in it cannot be a folder, the folder
      is that of a trial before, holds files already, or lies in or around one of the sources.
    """
    places = [place.resolve() for place in sources]
    planned: dict[Path, Trial] = {}
    for trial in trials:
        folder = _folder(trial, root)
        if folder in planned:
            twice = f"{planned[folder].origin}, {trial.origin}"
            raise ExportError(f"{folder} would be written twice: {twice}")
        _check_free(folder, places)
        planned[folder] = trial
    for trial in planned.values():
        write_trial(trial, root)
    return len(planned)


def _check_free(folder: Path, places: Iterable[Path]) -> None:
    """Raises where writing into the folder could change a log."""
    real = folder.resolve()
    for place in places:
        if real.is_relative_to(place) or place.is_relative_to(real):
            raise ExportError(f"{folder} is among the logs in {place}: export to another folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise ExportError(f"{folder} holds files already: export to another folder, or remove it")


def write_trial(trial: Trial, root: Path) -> Path:
    """Writes one trial and returns its folder."""
    folder = _folder(trial, root)
    folder.mkdir(parents=True, exist_ok=True)
    rows = evaluation_rows(trial)
    if rows:
        header = sorted(rows[0])
        write_text(folder / EVALUATIONS[0], _csv(header, rows))
    if trial.loop_ended and rows:
        end = {STEP: trial.final_step, "score": trial.final_time_sec, PREEMPTION: 0}
        write_text(folder / "measurements.csv", _csv(sorted(rows[0]), [*rows, end]))
    if trial.facts.hyperparameters is not None:
        write_text(folder / "hparams.json", json.dumps(trial.facts.hyperparameters, indent=2))
    write_text(folder / "meta_data_0.json", json.dumps(_meta_data(trial), indent=2))
    write_text(folder / "flags_0.json", json.dumps(_flags(trial), indent=2))
    return folder


def _folder(trial: Trial, root: Path) -> Path:
    """Where the trial belongs below root."""
    if trial.framework not in ("jax", "pytorch"):
        raise ExportError(f"{trial.origin}: framework is {trial.framework!r}, not jax or pytorch")
    workload = f"{as_folder(trial.workload)}_{trial.framework}"
    parts = [trial.submission, trial.study, workload, trial.trial]
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\0" in part:
            raise ExportError(f"{trial.origin}: {part!r} cannot be the name of a folder")
    return root.joinpath(*parts)


def evaluation_rows(trial: Trial) -> list[dict[str, float | None]]:
    """One row an evaluation with the official columns; None for a cell that stays empty."""
    columns = dict(trial.columns)
    zeros = np.zeros(trial.num_evaluations)
    for name in (PREEMPTION, LOGGING_TIME):
        columns.setdefault(name, zeros)
    columns["score"] = columns.get(TIME, zeros)
    names = list(columns)
    return [
        {
            name: None if math.isnan(value) else float(value)
            for name, value in zip(names, row, strict=True)
        }
        for row in zip(*columns.values(), strict=True)
    ]


def _csv(header: list[str], rows: Iterable[Mapping[str, float | None]]) -> str:
    def cell(name: str, value: float | None) -> str:
        if value is None:
            return ""
        counts = name in (STEP, PREEMPTION) or name.endswith("/num_examples")
        return str(int(value)) if counts else repr(float(value))

    lines = [",".join(cell(name, row.get(name)) for name in header) for row in rows]
    return "\n".join([",".join(header), *lines]) + "\n"


def _meta_data(trial: Trial) -> dict[str, object]:
    facts = trial.facts
    stated = {
        "workload.max_allowed_runtime_sec": facts.budget_sec,
        "workload.eval_period_time_sec": facts.eval_period_sec,
        "workload.validation_target_value": facts.validation_target,
        RULES_VERSION: facts.made_for[0] or None,
        "rng_seed": facts.seed,
        "git_commit_hash": facts.versions.get("commit"),
        "python_version": facts.versions.get("python"),
        "os_platform": facts.versions.get("os"),
    }
    count, _, name = (facts.hardware or "").partition("x ")
    if count.isdigit():
        stated |= {"gpu_count": int(count), "gpu_model_name": name}
    return {name: value for name, value in stated.items() if value is not None}


def _flags(trial: Trial) -> dict[str, object]:
    return {
        "workload": trial.workload,
        "framework": trial.framework,
        "tuning_ruleset": trial.facts.made_for[1] or None,
        "max_global_steps": trial.facts.step_limit,
    }
