"""The folder that a trial leaves behind and that explains itself.

events.jsonl      the event log; every published number can be recomputed from it
trial.textproto   what the trial is (`TrialStarted`), for people: resolved workload, ruleset, seed,
                  hyperparameters, hardware, package versions, commit
submission/       the submission's files as they were
checkpoints/      the latest two, to resume from (checkpoint.py)
output.txt        what an isolated submission printed (isolated_process.py)
lock              held by the process that works on the folder; says how far it got
"""

import datetime
import os
import shutil
from pathlib import Path

from google.protobuf import text_format

from harness import events
from harness.clock import Clock
from harness.errors import LogError, UsageError
from harness.events import EventLog
from harness.lock import RunLock
from harness.submission import Source
from spec.event_pb2 import TrialStarted
from spec.files import write_text
from spec.submission_pb2 import Framework
from spec.user_paths import user_path

DESCRIPTION = "trial.textproto"
SOURCES = "submission"


def default_folder(trial: TrialStarted, now: datetime.datetime) -> Path:
    """`runs/<workload>-<submission>-<framework>-<time>` where the user stands."""
    workload = trial.workload.name.replace("/", "_")
    framework = Framework.Name(trial.framework).lower()
    return user_path(f"runs/{workload}-{trial.submission.name}-{framework}-{now:%Y%m%d-%H%M%S}")


def create(
    folder: Path, trial: TrialStarted, source: Source, clock: Clock, may_be_empty: bool = False
) -> tuple[EventLog, RunLock]:
    """Makes a run folder whose log begins with the trial, and locks it. It appears at once, never in
    part. An empty folder of that name may stand there if `may_be_empty`.

    Raises:
      UsageError: something of that name exists, or it cannot be written.
    """
    if not folder.name or "\0" in folder.name:
        raise UsageError(f"{str(folder)!r} is no name of a folder that can be made")
    new = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        if folder.exists() and not (may_be_empty and folder.is_dir()):
            raise UsageError(f"{folder} exists; give another --out, or move it away")
        new.mkdir(parents=True)
        lock = RunLock(new)
        for file in source.files:
            copy = new / SOURCES / file.relative_to(source.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        log = EventLog(new / events.FILE, clock)
        log.append(trial_started=trial)
        write_description(new, trial)
        new.rename(folder)
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        cause = error.__cause__ if isinstance(error, LogError) else error
        if not isinstance(cause, OSError):
            raise
        raise UsageError(f"{folder} cannot be written: {cause.strerror}") from error
    log.path = folder / events.FILE
    return log, lock


def write_description(folder: Path, trial: TrialStarted) -> None:
    """Writes or replaces `trial.textproto`; a reader sees the old or the new file, whole."""
    write_text(folder / DESCRIPTION, text_format.MessageToString(trial, as_utf8=True))
