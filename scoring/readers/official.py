"""Trials in the layout of the official runner, see LAYOUT."""

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from pathlib import PurePath

import numpy as np

from scoring.readers.columns import header_of, read_columns
from scoring.readers.files import Folder, decompressed
from scoring.readers.rows import LINE, checked, known_target
from scoring.records import (
    NO_ROWS,
    PREEMPTION,
    STEP,
    TIME,
    Array,
    Facts,
    Ledger,
    Trial,
    without_superseded,
)

LAYOUT = "<submission>/<study>/<workload>_<jax|pytorch>/trial_<k>/eval_measurements.csv"
TRIAL = re.compile(r"trial_\d+")  # the official reader asks for this beginning and no more
STUDY = re.compile(r"study_\d+")
WORKLOAD = re.compile(r"(.+)_(jax|pytorch)")
TUNINGS = ("external_tuning", "self_tuning")
TIMESTAMP = re.compile(r"-\d{4}-\d{2}-\d{2}-\d{2}-\d{2}-\d{2}$")  # of a re-run beside the first run
MAX_JSON_BYTES = 2**22
EVALUATIONS = ("eval_measurements.csv", "eval_measurements.csv.xz")
CSV_FILES = (*EVALUATIONS, "measurements.csv")  # of a trial
# Key among the metadata that the official runner does not write: for example v0.6.
RULES_VERSION = "ruleset.version"
# Cells of the row that the runner writes when its loop has ended.
LAST_ROW = {STEP, "score", PREEMPTION}


def is_trial(path: PurePath) -> bool:
    """Whether this is the place of a trial's folder. One without files crashed early."""
    return bool(TRIAL.match(path.name) and WORKLOAD.fullmatch(path.parent.name))


def is_stray(path: PurePath) -> bool:
    """Whether this is the place of a trial that belongs to no workload: directly in a study."""
    return bool(TRIAL.match(path.name) and STUDY.fullmatch(path.parent.name))


def holds_evaluations(data: bytes) -> bool:
    """Whether a csv, whatever its name and place, is what the runner writes of a trial."""
    header = header_of(data)
    return STEP in header and any(name.startswith("validation/") for name in header)


def read_trial(folder: Folder, ledger: Ledger) -> None:
    """Adds the folder's trial to the ledger. Its evaluations and a compressed form of them, where
    there are both, are two logs of one trial, to be compared as such.
    """
    match = WORKLOAD.fullmatch(folder.path.parent.name)
    assert match is not None
    study = folder.path.parent.parent
    meta = _newest_json(folder, "meta_data_", ledger)
    flags = _newest_json(folder, "flags_", ledger)
    workload = _workload(match[1], flags)
    trial = Trial(
        submission=TIMESTAMP.sub("", study.parent.name),
        workload=workload,
        study=study.name,
        trial=folder.path.name,
        framework=match[2],
        columns={},
        origin=folder.origin,
        home=str(study.parent.parent),
        facts=dataclasses.replace(
            _facts(folder, meta, flags, ledger), made_for=_made_for(folder, meta, flags)
        ),
    )
    names = [name for name in EVALUATIONS if name in folder.files]
    if not names:
        ledger.trials.append(trial)
    for name in names:
        columns, as_written = _read_evaluations(folder, name, workload, ledger)
        origin = folder.origin if name == names[0] else f"{folder.origin}/{name}"
        ledger.trials.append(
            dataclasses.replace(trial, columns=columns, as_written=as_written, origin=origin)
        )


def as_folder(workload: str) -> str:
    """A workload's name as part of a folder's."""
    return workload.replace("/", "_")


def _workload(folder_name: str, flags: Mapping[str, object]) -> str:
    """The workload's name: the flags may have it with a `/`, which the folder's name cannot."""
    name = flags.get("workload")
    return name if isinstance(name, str) and as_folder(name) == folder_name else folder_name


def _made_for(
    folder: Folder, meta: Mapping[str, object], flags: Mapping[str, object]
) -> tuple[str, str]:
    """Version and tuning as the folders above say, `algoperf_v05/logs/external_tuning`; else as the
    trial's own files do.
    """
    above = folder.path.parts
    versions = [match for part in above if (match := re.fullmatch(r"algoperf_v(\d)(\d+)", part))]
    tunings = [part.removesuffix("_tuning") for part in above if part in TUNINGS]
    if versions:
        version = f"v{versions[-1][1]}.{versions[-1][2]}"
    else:
        version = str(meta.get(RULES_VERSION))
    tuning = tunings[-1] if tunings else str(flags.get("tuning_ruleset"))
    return (
        version if re.fullmatch(r"v\d\.\d+", version) else "",
        tuning if f"{tuning}_tuning" in TUNINGS else "",
    )


def _read_evaluations(
    folder: Folder, name: str, workload: str, ledger: Ledger
) -> tuple[dict[str, Array], dict[str, Array] | None]:
    """The columns of a trial, and those as written if rows were written again."""
    origin = f"{folder.origin}/{name}"
    data = decompressed(folder, name, ledger)
    if data is None:
        return {}, None
    columns, _ = read_columns(data, origin, ledger, is_number=_is_used)
    if not columns:
        return {}, None
    # The official scorer reads the time from `score`; the two columns are equal in every published
    # log.
    time = columns.pop("score", None)
    if time is not None:
        _compare(columns.get(TIME, time), time, columns[LINE], origin, ledger)
        columns[TIME] = time
    else:
        ledger.note(origin, f"has no column score: {TIME} counts", 1)
    missing = {STEP, TIME} - columns.keys()
    if missing:
        ledger.error(origin, f"has no column {' or '.join(sorted(missing))}; no row counts", 1)
        return {}, None
    target = known_target(workload)
    if target is not None and target[0] not in columns:
        ledger.error(origin, f"has no column {target[0]}; no row can attain the target", 1)
    if data.count(b"\n") == 1:
        ledger.error(origin, "has a header and no row; the runner writes both at once", 1)
    _check_preemptions(columns.get(PREEMPTION, NO_ROWS), columns[LINE], origin, ledger)
    kept, num_superseded = without_superseded(columns)
    as_written = None
    if num_superseded:
        as_written = {name: values for name, values in columns.items() if name != LINE}
        what = f"{num_superseded} rows were written again after a preemption: they count once"
        ledger.note(origin, f"{what}, under --method official as often as they are there")
    return checked(kept, target, origin, ledger), as_written


def _compare(
    submission_time: Array, score: Array, lines: Array, origin: str, ledger: Ledger
) -> None:
    """Reports the first row where the two columns of the time differ, and how many do."""
    differ = (submission_time != score).nonzero()[0]
    if differ.size:
        row = differ[0]
        both = f"`score` is {float(score[row])!r} and `{TIME}` {float(submission_time[row])!r}"
        more = f" in {differ.size} rows" if differ.size > 1 else ""
        ledger.error(origin, f"{both}; `score` counts{more}", int(lines[row]))


def _check_preemptions(counts: Array, lines: Array, origin: str, ledger: Ledger) -> None:
    """Reports the first row where the number of preemptions falls. Rows are appended, by one run
    after the other: their order tells what was written again, and a wrong count loses nothing.
    """
    falls = np.flatnonzero(counts[1:] < counts[:-1]) + 1
    if falls.size:
        row = falls[0]
        what = f"{PREEMPTION} is {counts[row]:g} after {counts[row - 1]:g}, and never falls"
        ledger.error(origin, f"{what}; the order of rows counts", int(lines[row]))


def _is_used(column: str) -> bool:
    return not column.endswith("/num_examples") and not column.startswith("train/")


def _facts(
    folder: Folder, meta: Mapping[str, object], flags: Mapping[str, object], ledger: Ledger
) -> Facts:
    hyperparameters = (
        _json(folder, "hparams.json", ledger) if "hparams.json" in folder.files else None
    )
    last_row = _last_row(folder)
    ended = last_row.keys() <= LAST_ROW if last_row else None
    gpu = {"gpu_count", "gpu_model_name"} <= meta.keys()
    devices = f"{meta['gpu_count']}x {meta['gpu_model_name']}" if gpu else None
    versions = {
        name: str(meta[key])
        for name, key in [
            ("python", "python_version"),
            ("os", "os_platform"),
            ("commit", "git_commit_hash"),
        ]
        if key in meta
    }
    return Facts(
        loop_ended=ended,
        final_time_sec=_from_zero(last_row.get("score")),
        final_step=_integer(_from_zero(last_row.get(STEP))),
        budget_sec=_number(meta.get("workload.max_allowed_runtime_sec")),
        step_limit=_integer(flags.get("max_global_steps")),
        eval_period_sec=_number(meta.get("workload.eval_period_time_sec")),
        validation_target=_number(meta.get("workload.validation_target_value")),
        seed=_integer(meta.get("rng_seed")),
        hyperparameters=hyperparameters,
        hardware=devices,
        versions=versions,
    )


def _newest_json(folder: Folder, prefix: str, ledger: Ledger) -> Mapping[str, object]:
    """The file of the last run of a trial that was preempted; empty if there is none."""
    names = [name for name in folder.files if name.startswith(prefix)]
    newest = max(names, key=lambda name: (len(name), name), default=None)
    return _json(folder, newest, ledger) or {} if newest else {}


def _json(folder: Folder, name: str, ledger: Ledger) -> Mapping[str, object] | None:
    """The content; None, and reported, where it is no JSON object."""
    origin = f"{folder.origin}/{name}"
    data = folder.files[name]()
    if len(data) > MAX_JSON_BYTES:
        ledger.error(origin, f"more than {MAX_JSON_BYTES} bytes; it plays no part in the score")
        return None
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        ledger.error(
            origin,
            f"is no JSON ({error}); it plays no part in the score",
            getattr(error, "lineno", 0),
        )
        return None
    if not isinstance(content, dict):
        ledger.error(origin, "is not a JSON object; it plays no part in the score", 1)
        return None
    return content


def _last_row(folder: Folder) -> dict[str, str]:
    """The filled cells of the last row of measurements.csv; empty if there is none."""
    if "measurements.csv" not in folder.files:
        return {}
    data, _, torn = folder.files["measurements.csv"]().rpartition(b"\n")
    if torn:
        return {}  # the runner was stopped as it wrote
    data = data.rstrip()
    header, last = data.partition(b"\n")[0], data.rpartition(b"\n")[2]
    names, cells = (line.decode("utf-8", "replace").strip().split(",") for line in (header, last))
    if len(names) != len(cells) or header == last:
        return {}
    return {name: cell for name, cell in zip(names, cells, strict=True) if cell}


def _number(value: object) -> float | None:
    """The value as a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _from_zero(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number >= 0 else None


def _integer(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None
