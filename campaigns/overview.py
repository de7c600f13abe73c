"""What all trials at a place have come to: those of a plan, started or not, and other run folders."""

import dataclasses
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf import json_format

from campaigns import plan as plans
from campaigns import progress
from campaigns.progress import Progress
from harness import events, lock
from harness.display import most_seconds_left
from spec.event_pb2 import Event, TrialStarted

# Other machines' locks cannot be seen. A trial writes after every step; while an evaluation or a
# compilation takes longer than this, it passes for stopped there.
QUIET_SEC = 120.0

WAITING, RUNNING, STOPPED, ENDED = "waiting", "running", "stopped", "ended"
STATES = (ENDED, RUNNING, STOPPED, WAITING)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a trial is, or will be, and its limits.

    Attributes:
      name: path from where the user looked.
      budget_sec: infinite where there is none.
      step_limit: 0 for none.
    """

    name: str
    workload: str
    folder: Path
    budget_sec: float
    step_limit: int


@dataclasses.dataclass(frozen=True)
class Standing:
    """A trial and how far it is."""

    place: Place
    progress: Progress
    state: str

    @property
    def seconds_left(self) -> float:
        """Wall seconds that it may still take at its speed so far; infinite where nothing says."""
        if self.state == ENDED:
            return 0.0
        place, found = self.place, self.progress
        limits = TrialStarted(budget_sec=place.budget_sec, step_limit=place.step_limit)
        if not found.step:
            return place.budget_sec
        loop_sec = found.timed_sec * found.wall_per_timed
        return most_seconds_left(limits, found.step, found.timed_sec, loop_sec)


def all_places(roots: Sequence[Path]) -> list[Place]:
    """All trials at and below folders; where there are several, names begin with the folder's."""
    found = [(root, place) for root in roots for place in places(root)]
    if len(roots) == 1:
        return [place for _, place in found]
    return [dataclasses.replace(place, name=f"{root.name}/{place.name}") for root, place in found]


def places(root: Path) -> Iterator[Place]:
    """All trials at and below a folder.

    Raises:
      SpecError: a plan there cannot be read.
    """
    for at, subfolders, files in os.walk(root):
        here = Path(at)
        if plans.FILE in files:
            subfolders.clear()
            yield from _planned(here, root)
        elif events.FILE in files:
            subfolders.clear()
            yield _started(here, root)
        subfolders.sort()


def _planned(folder: Path, root: Path) -> Iterator[Place]:
    for trial in plans.trials(plans.read(folder / plans.FILE)):
        workload, run = trial.workload, folder / trial.name
        name = run.relative_to(root).as_posix()
        budget_sec = workload.budget_sec or math.inf
        yield Place(name, workload.name, run, budget_sec, workload.step_limit)


def _started(folder: Path, root: Path) -> Place:
    """A run folder that belongs to no plan; its log begins with what it is."""
    with (folder / events.FILE).open("rb") as file:
        try:
            trial = json_format.Parse(file.readline(), Event()).trial_started
        except (json_format.ParseError, UnicodeDecodeError):
            trial = TrialStarted()
    name = folder.relative_to(root).as_posix()
    shown = folder.name if name == "." else name
    budget_sec = trial.budget_sec or math.inf
    return Place(shown, trial.workload.name or "unknown", folder, budget_sec, trial.step_limit)


def look(found: list[Place]) -> list[Standing]:
    """How far the trials are now."""
    held, now_sec = lock.held(), time.time()
    result = []
    for place in found:
        read = progress.read(place.folder)
        result.append(Standing(place, read, _state(read, read.lock in held, now_sec)))
    return result


def _state(found: Progress, is_held: bool, now_sec: float) -> str:
    if not found.exists:
        return WAITING
    if found.is_final:
        return ENDED
    is_alive = not found.outcome and now_sec - found.last_sign_sec < QUIET_SEC
    return RUNNING if is_held or is_alive else STOPPED
