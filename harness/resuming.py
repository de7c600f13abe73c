"""Going on with a trial that another process left in its run folder."""

import dataclasses
from pathlib import Path

from harness import checkpoint, events
from harness.checkpoint import Checkpoint
from harness.clock import Clock
from harness.errors import UsageError
from harness.lock import RunLock
from spec import timeline
from spec.event_pb2 import Event, TrialEnded, TrialResumed, TrialStarted
from spec.timing_pb2 import Outcome

# After these ends a trial may go on: neither the submission nor the rules ended it.
RESUMABLE = frozenset({Outcome.INTERRUPTED, Outcome.HARNESS_ERROR})


@dataclasses.dataclass(frozen=True)
class Begun:
    """What stands in a run folder.

    Attributes:
      lock: held, so that nobody else works on the folder.
      started: the trial as the process that worked on it last described it.
      last: the last event that counts.
      ended: how the trial ended, if it did and does not go on.
      resumed: says where it goes on.
      checkpoints: from the oldest to the one it goes on from; empty if it begins anew.
      problems: one line for each checkpoint that cannot be used.
    """

    lock: RunLock
    started: TrialStarted
    last: Event
    ended: TrialEnded | None
    resumed: TrialResumed
    checkpoints: list[Checkpoint]
    problems: list[str]


def is_begun(folder: Path) -> bool:
    """Whether there is something in the folder, to go on with or not."""
    return folder.is_dir() and any(folder.iterdir())


def read(folder: Path, trial: TrialStarted) -> Begun:
    """Locks a run folder and finds where its trial goes on.

    Raises:
      UsageError: it holds no trial or another one, or another process works on it.
    """
    if not (folder / events.FILE).is_file():
        raise UsageError(f"{folder} is no run folder: it has no {events.FILE}; give another --out")
    lock = RunLock(folder)
    try:
        return _read(folder, trial, lock)
    except BaseException:
        lock.close()
        raise


def _read(folder: Path, trial: TrialStarted, lock: RunLock) -> Begun:
    log = events.read_log(folder / events.FILE)
    counted = timeline.counted(log.events)
    if not counted or not counted[0].HasField("trial_started"):
        raise UsageError(f"{folder / events.FILE} does not begin with a trial; give another --out")
    identity = checkpoint.identity(counted[0].trial_started)
    if difference := checkpoint.first_difference(identity, checkpoint.identity(trial)):
        raise UsageError(f"{folder} holds another trial: {difference}")
    started = [event.trial_started for event in log.events if event.HasField("trial_started")]
    last = counted[-1]
    ended = last.trial_ended if last.HasField("trial_ended") else None
    if ended and ended.outcome not in RESUMABLE:
        return Begun(lock, started[-1], last, ended, TrialResumed(), [], [])
    found, problems = checkpoint.read_all(folder, identity)
    resumed = TrialResumed(
        preemption_count=1 + sum(event.HasField("trial_resumed") for event in log.events),
        first_lost_event=found[-1].first_lost_event if found else 1,  # number 0 is the trial
    )
    clock = Clock(state=found[-1].content["clock"] if found else None)
    step, timed_sec = lock.noted()  # a process that is killed logs no end
    resumed.global_step = clock.step
    resumed.lost_steps = max(step, last.clock.step) - clock.step
    resumed.lost_timed_sec = max(timed_sec, last.clock.timed_sec) - clock.timed_sec
    return Begun(lock, started[-1], last, None, resumed, found, problems)
