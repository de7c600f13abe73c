"""Progress of a trial for the person who watches, and the summary at its end.

Everything shown comes from the trial's events, which are written off the clock, and from looking at
the clock from a thread of its own. Nothing here waits for a device or is called while the
submission is timed.
"""

import math
import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.clock import Clock
from spec.event_pb2 import Evaluation, Event, TrialEnded, TrialStarted
from spec.loading import rules_of
from spec.metrics import metric_name
from spec.ruleset_pb2 import Ruleset
from spec.submission_pb2 import Framework
from spec.timing_pb2 import Outcome

_REFRESHES_PER_SECOND = 2


class Display:
    """A context: a line for each evaluation and, on a terminal, one that moves with the clock."""

    def __init__(self, trial: TrialStarted, clock: Clock, console: Console | None = None):
        self._trial = trial
        self._clock = clock
        self._console = console or Console(highlight=False, markup=False, soft_wrap=True)
        self._metric = metric_name(trial.workload.target_metric)
        self._target = rules_of(trial.workload, trial.ruleset.version).validation_target
        self._scalars: dict[str, float] = {}
        self._is_broken = False
        self._live = Live(
            get_renderable=self._moving_line,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
        )

    def __enter__(self) -> "Display":
        trial = self._trial
        framework = Framework.Name(trial.framework).lower()
        self._print(
            f"{trial.workload.name} with {visible(trial.submission.name)} on {framework}, "
            f"seed {trial.seed}, rules {trial.ruleset.version}: "
            f"validation {self._metric} to {self._target:g} in {trial.budget_sec:g} timed seconds"
        )
        if point := sorted(trial.hyperparameters.items()):
            self._print(f"point {trial.trial}: " + ", ".join(f"{k} {_short(v)}" for k, v in point))
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def _print(self, text: str) -> None:
        """Prints lines. If nobody can read it any more, the trial goes on without a display."""
        if self._is_broken:
            return
        try:
            self._console.print("\n".join(map(visible, text.split("\n"))))
        except (Exception, SystemExit):  # rich exits on a broken pipe
            self._is_broken = True

    def show(self, event: Event) -> None:
        """Takes note of an event, after it was written."""
        if event.HasField("scalar_metrics"):
            self._scalars = dict(event.scalar_metrics.metrics)
        elif event.HasField("evaluation"):
            self._print(self._evaluation_line(event.evaluation, event.clock.timed_sec))
        elif event.HasField("trial_resumed"):
            resumed = event.trial_resumed
            lost = f"{resumed.lost_steps:,} steps, {resumed.lost_timed_sec:.1f} timed seconds"
            self._print(f"resumed after step {resumed.global_step:,}; lost: {lost}")
        elif event.HasField("noise_check"):
            spread = event.noise_check.spread
            self._print(f"reference work takes the same time to {spread:.1%} on this machine now")
        elif event.HasField("remark"):
            self._print(f"note: {event.remark.message}")

    def _evaluation_line(self, evaluation: Evaluation, timed_sec: float) -> str:
        metrics = evaluation.metrics
        values = [
            f"{split} {metrics[name]:.4g}"
            for split in ("train", "validation", "test")
            if (name := f"{split}/{self._metric}") in metrics
        ]
        when = f"step {evaluation.global_step:>7,}  {timed_sec:7.1f} s"
        return f"{when}  {self._metric}: {', '.join(values)}"

    def _moving_line(self) -> Text:
        now = self._clock.reading()
        if not now.step:
            return Text(f"setting up, {now.total_sec:.0f} s")
        parts = [f"step {now.step:,}", f"{now.timed_sec:.1f} of {self._trial.budget_sec:g} s timed"]
        if "loss" in self._scalars:
            parts.insert(1, f"loss {self._scalars['loss']:.4g}")
        left = most_seconds_left(
            self._trial, now.step, now.timed_sec, now.total_sec - now.set_up_sec
        )
        if math.isfinite(left):
            parts.append(f"ends in at most {int(left) // 60}:{int(left) % 60:02}")
        return Text("  ".join(parts), style="bold")

    def summarize(self, ended: TrialEnded, folder: Path) -> None:
        """Prints how the trial ended. Call it after the context was left."""
        if ended.traceback and ended.outcome != Outcome.INTERRUPTED:
            self._print(ended.traceback)
        trial = self._trial
        lines = {"outcome": f"{Outcome.Name(ended.outcome)}: {ended.message}"}
        if ended.HasField("time_to_target_sec"):
            budget = f"{trial.budget_sec:g}"
            lines["time to target"] = f"{ended.time_to_target_sec:.2f} of {budget} timed seconds"
        lines["steps"] = f"{ended.global_step:,} in {self._clock.timed_sec:.2f} timed seconds"
        lines["run folder"] = visible(str(folder))
        lines["score it"] = scoring_command([trial.workload.name], trial.ruleset, folder)
        for name, value in lines.items():
            self._print(f"{name:<14}  {value}")


def scoring_command(workloads: Iterable[str], ruleset: Ruleset, folder: Path) -> str:
    """The command that scores the run folders in `folder`, which are of these workloads."""
    checkout = os.environ.get(
        "BUILD_WORKSPACE_DIRECTORY"
    )  # set by bazel run, as is where the user is
    tandem = f"{_bazelw(checkout)} run //cli:tandem --" if checkout else "tandem"
    choice = "" if set(workloads) <= set(ruleset.base_workloads) else " --workloads present"
    return f"{tandem} score {shell_word(str(folder))}{choice}"


def visible(text: str) -> str:
    """The text on one line: what would move a terminal's cursor, or worse, is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shell_word(text: str) -> str:
    """What stands for the text in a shell; in bash, ksh and zsh where it cannot be printed as it is."""
    if text.isprintable():
        return shlex.quote(text)
    kept = (c if c.isprintable() and c not in "\\'" else _escaped(c) for c in text)
    return f"$'{''.join(kept)}'"


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def _bazelw(checkout: str) -> str:
    """The checkout's `bazelw` from where the user stands, somewhere in it."""
    folder = os.path.relpath(checkout, os.environ.get("BUILD_WORKING_DIRECTORY", checkout))
    return f"{folder}/bazelw"


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def most_seconds_left(trial: TrialStarted, step: int, timed_sec: float, loop_sec: float) -> float:
    """Wall seconds until budget or step limit end the trial at its present speed; else infinity.

    Args:
      trial: states both.
      step: steps taken, at least 1.
      timed_sec: what they took on the clock.
      loop_sec: wall seconds since the first step began.
    """
    wall_per_timed = loop_sec / timed_sec if timed_sec else 1.0
    left = (trial.budget_sec - timed_sec) * wall_per_timed
    if trial.step_limit:
        left = min(left, (trial.step_limit - step) * loop_sec / step)
    return max(left, 0.0)
