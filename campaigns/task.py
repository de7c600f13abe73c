"""A task: the command that runs one trial, and what its end means. Every executor runs these."""

import collections
import dataclasses
import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from campaigns import progress
from campaigns.plan import PlannedTrial
from harness.resuming import RESUMABLE
from harness.trial import EXIT_STATUS
from spec.command_line import USAGE_ERROR

# After these the same command does the same again, or nothing.
_ENDS = {status for outcome, status in EXIT_STATUS.items() if outcome not in RESUMABLE}


@dataclasses.dataclass(frozen=True)
class Task:
    """One command, which may be given again after every interruption.

    Attributes:
      name: for people.
      command: program and arguments.
      environment: variables that it needs besides the usual ones.
      folder: its run folder.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    @property
    def output(self) -> Path:
        """What the command says; beside the run folder, which it makes itself."""
        return self.folder.with_name(f"{self.folder.name}.txt")

    def shown_command(self) -> str:
        """The command as a shell takes it."""
        return shlex.join(self.command)

    def end(self, status: int) -> str:
        """How an attempt ended, in one line."""
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        found = progress.read(self.folder)
        if status == USAGE_ERROR or not found.outcome:
            return f"exit status {status}: {self._last_line()}"
        return f"{found.outcome} after {found.timed_sec:.1f} timed seconds: {found.message}"

    def _last_line(self) -> str:
        try:
            lines = self.output.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError as error:
            return str(error.strerror)
        return next((line for line in reversed(lines) if line), "")


@dataclasses.dataclass
class Results:
    """What came of tasks.

    Attributes:
      statuses: exit status of the last attempt, by the task's name; negative for a signal.
      attempts: number of attempts that ended by themselves.
      stopped_by: the signal that asked to stop, if one did.
    """

    statuses: dict[str, int] = dataclasses.field(default_factory=dict)
    attempts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    stopped_by: signal.Signals | None = None

    def add(self, task: Task, status: int, num_retries: int, report: Callable[[str], None]) -> bool:
        """Takes note of an attempt's end and reports it. Whether to try again."""
        self.statuses[task.name] = status
        self.attempts[task.name] += 1
        if not is_worth_a_retry(status):
            report(f"{task.name}: {task.end(status)}")
            return False
        left = num_retries + 1 - self.attempts[task.name]
        again = f"{left} attempts left" if left else "no attempt is left"
        report(f"{task.name}: {task.end(status)}; {again}")
        return left > 0


def is_worth_a_retry(status: int) -> bool:
    """Whether an attempt with this exit status ended for reasons outside of the trial."""
    return status not in _ENDS | {USAGE_ERROR}


def of_trial(
    trial: PlannedTrial,
    root: Path,
    data_dir: str | None = None,
    *,
    is_isolated: bool = False,
    num_ranks: int = 1,
) -> Task:
    """The task of a planned trial, in the folder of its campaign.

    Args:
      trial: what to run.
      root: folder of the campaign.
      data_dir: parent folder of prepared data; None for the usual one.
      is_isolated: whether the submission runs in a sandbox (docs/isolation.md).
      num_ranks: processes that run the trial together; one for JAX, which takes all devices it sees.
    """
    crew = ["campaigns.crew", str(num_ranks), "-m"] if num_ranks > 1 else []
    options = ["--data-dir", data_dir] if data_dir else []
    options += ["--isolate"] if is_isolated else []
    command = (
        sys.executable, "-P", "-m", *crew, f"backends.{trial.framework}.run",
        *trial.arguments(), *options, "--out", str(root / trial.name), "--resume",
    )  # fmt: skip
    path = os.pathsep.join(place for place in sys.path if place)
    return Task(trial.name, command, {"PYTHONPATH": path}, root / trial.name)
