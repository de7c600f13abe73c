"""What the ranks of a trial do: rank 0 leads and writes, the others follow."""

import argparse
import contextlib
import datetime
import functools
from collections.abc import Callable
from pathlib import Path

from harness import checkpoint, events, mirror, resuming, run_folder
from harness.checkpoint import Checkpoint, Follower, Keeper
from harness.clock import Clock
from harness.display import Display
from harness.errors import LogError, UsageError
from harness.events import EventLog, NoLog
from harness.experiment import Experiment
from harness.interruption import Interruption
from harness.isolation import isolated
from harness.mirror import Mirror
from harness.ranks import Ranks
from harness.resuming import Begun
from harness.submission import Source
from harness.trial import EXIT_STATUS, run_trial
from spec.event_pb2 import Remark, TrialEnded, TrialStarted
from spec.timing_pb2 import Outcome
from spec.user_paths import user_path

SetUp = Callable[..., Experiment]  # assembly.set_up, but for its last arguments


def lead(
    arguments: argparse.Namespace,
    trial: TrialStarted,
    source: Source,
    parts: SetUp,
    ranks: Ranks,
    worker: str,
) -> int:
    """Runs the trial on rank 0, which writes; with `--isolate` the submission runs in `worker`."""
    folder = run_folder.default_folder(trial, datetime.datetime.now())
    if arguments.out:
        folder = user_path(arguments.out)
    elif arguments.resume:
        raise UsageError("--resume needs --out DIR, the run folder to go on with")
    begun = None
    if arguments.resume and resuming.is_begun(folder):
        begun = resuming.read(folder, trial)
        if begun.started.HasField("converted"):
            trial.converted.CopyFrom(begun.started.converted)
        if begun.ended:
            ranks.gathered({"status": EXIT_STATUS[begun.ended.outcome]})
            return _repeat_end(begun.ended, begun, trial, folder)
    checkpoints = begun.checkpoints if begun else []
    resumed = checkpoints[-1] if checkpoints else None
    _check_number(resumed, ranks)
    ranks.gathered({"checkpoint": str(resumed.path.resolve()) if resumed else ""})
    clock = _clock(trial, resumed, ranks)
    display = Display(trial, clock)
    with Interruption(ranks) as interruption:
        if begun:
            log, lock = EventLog(folder / events.FILE, clock), begun.lock
        else:
            log, lock = run_folder.create(folder, trial, source, clock, arguments.resume)
        log.observers.append(display.show)
        if arguments.mirror:
            log.observers.append(Mirror(folder / mirror.FOLDER).show)
        keeper = Keeper(folder, trial, lock, checkpoints, not arguments.no_checkpoints)
        parts = functools.partial(parts, log=log, folder=folder, begun=begun)
        with display, contextlib.closing(lock), contextlib.ExitStack() as stack:
            if arguments.isolate:
                parts = stack.enter_context(isolated(parts, worker, trial, clock, folder))
            if begun:
                _record_resumption(begun, log, clock)
            ended = run_trial(trial, parts, clock, log, interruption, keeper, ranks)
    display.summarize(ended, folder)
    if not log.is_in_place():
        raise LogError(f"{log.path} is gone; something removed it while the trial ran")
    return _status(ended, interruption)


def follow(arguments: argparse.Namespace, trial: TrialStarted, parts: SetUp, ranks: Ranks) -> int:
    """Runs the trial on another rank."""
    told = ranks.gathered(None)[0]
    if "status" in told:
        return int(told["status"])
    resumed = None
    if told["checkpoint"]:
        resumed = checkpoint.read(Path(told["checkpoint"]), checkpoint.identity(trial))
    clock = _clock(trial, resumed, ranks)
    log = NoLog(clock)
    keeper = Follower(resumed, not arguments.no_checkpoints)
    with Interruption(ranks) as interruption:
        parts = functools.partial(parts, log=log)
        ended = run_trial(trial, parts, clock, log, interruption, keeper, ranks)
    return _status(ended, interruption)


def _check_number(resumed: Checkpoint | None, ranks: Ranks) -> None:
    """Raises a UsageError unless the checkpoint was made by as many processes."""
    if resumed and (number := resumed.content.get("num_ranks", 1)) != ranks.count:
        raise UsageError(
            f"{resumed.path} was made by {number} processes and is resumed by {ranks.count}; "
            "start as many"
        )


def _clock(trial: TrialStarted, resumed: Checkpoint | None, ranks: Ranks) -> Clock:
    state = resumed.content["clock"] if resumed else None
    return Clock(trial.ruleset.timing.timed, now=ranks.now, state=state, glance=ranks.glance)


def _status(ended: TrialEnded, interruption: Interruption) -> int:
    if ended.outcome == Outcome.INTERRUPTED and interruption.received is not None:
        return 128 + interruption.received  # as shells say it
    return EXIT_STATUS[ended.outcome]


def _repeat_end(ended: TrialEnded, begun: Begun, trial: TrialStarted, folder: Path) -> int:
    """Says how a trial ended that does not go on."""
    begun.lock.close()
    print(f"{folder} has come to its end; nothing is left to run")
    clock = Clock(state={"STEP": round(begun.last.clock.timed_sec * 1e9)})
    Display(trial, clock).summarize(ended, folder)
    return EXIT_STATUS[ended.outcome]


def _record_resumption(begun: Begun, log: EventLog, clock: Clock) -> None:
    log.append(trial_resumed=begun.resumed)
    for problem in begun.problems:
        log.append(remark=Remark(message=f"left as it is and not used: {problem}"))
    begun.lock.note(clock.step, clock.timed_sec)  # what was lost is recorded and lost no more
