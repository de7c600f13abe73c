"""What every reader makes of a log: trials, and whatever was wrong with the files."""

import collections
import dataclasses
import functools
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spec import ruleset_pb2, workload_pb2

Array = NDArray[np.float64]

STEP = "global_step"
TIME = "accumulated_submission_time"
EVAL_TIME = "accumulated_eval_time"
TOTAL = "total_duration"
PREEMPTION = "preemption_count"
LOGGING_TIME = "accumulated_logging_time"
DATA = "data_sha256"
NO_ROWS: Array = np.empty(0)
MAX_TOLD = 100  # problems of one file that are told one by one


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a log says about its trial beside the evaluations. None where it does not say."""

    ended: str | None = None  # name of the recorded Outcome; logs of ours alone
    message: str = ""
    loop_ended: bool | None = None  # whether the training loop came to its end, not a crash
    final_time_sec: float | None = None
    final_step: int | None = None
    budget_sec: float | None = None  # without the self-tuning factor in official logs
    step_limit: int | None = None
    eval_period_sec: float | None = None
    validation_target: float | None = None
    seed: int | None = None
    hyperparameters: Mapping[str, object] | None = None
    hardware: str | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    set_up: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )  # DATA, number of devices ..
    workload: workload_pb2.Workload | None = None  # as recorded, resolved; logs of ours alone
    ruleset: ruleset_pb2.Ruleset | None = None
    made_for: tuple[str, str] = ("", "")  # version and tuning, for example v0.5, external

    @property
    def are_none(self) -> bool:
        """Whether the log says nothing but what it was made for."""
        return self == Facts(made_for=self.made_for)


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One trial. `columns` holds one value per evaluation, in order, under the official names:

    global_step, accumulated_submission_time (timed seconds), accumulated_eval_time, total_duration,
    preemption_count, and `<split>/<metric>`. An empty cell is NaN. A trial without evaluations has
    empty columns or none.
    """

    submission: str
    workload: str
    study: str  # for example study_0
    trial: str  # for example trial_1
    framework: str  # jax, pytorch, or empty where unknown
    columns: Mapping[str, Array]
    origin: str
    facts: Facts = Facts()
    # Folder that holds all of the submission's logs; empty where the log itself names it.
    home: str = ""
    # With the rows that were written again after a preemption; None where there are none.
    as_written: Mapping[str, Array] | None = None

    @property
    def times_sec(self) -> Array:
        """Timed seconds of each evaluation."""
        return self.columns.get(TIME, NO_ROWS)

    @property
    def num_evaluations(self) -> int:
        return len(self.times_sec)

    @property
    def final_time_sec(self) -> float:
        """Timed seconds as far as the log goes."""
        last = float(self.times_sec[-1]) if self.num_evaluations else 0.0
        return max(self.facts.final_time_sec or 0.0, last)

    @property
    def final_step(self) -> int:
        """Steps as far as the log goes."""
        last = int(self.columns[STEP][-1]) if self.num_evaluations else 0
        return max(self.facts.final_step or 0, last)

    @property
    def loop_ended(self) -> bool:
        """Whether the training loop came to its end. A tidy table does not say; time after the last
        evaluation shows that there was one.
        """
        if self.facts.loop_ended is not None or not self.num_evaluations:
            return bool(self.facts.loop_ended)
        return self.final_time_sec > self.times_sec[-1]

    @property
    def with_all_rows(self) -> "Trial":
        """The trial with all of its rows as they were written, in that order."""
        if self.as_written is None:
            return self
        return dataclasses.replace(self, columns=self.as_written, as_written=None)

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.submission, self.workload, self.study, self.trial)


@dataclasses.dataclass(frozen=True, order=True)
class Problem:
    """Something to know about a file: malformed input is an error, an oddity is a note."""

    path: str
    line: int  # from 1; 0 where the whole file or folder is meant
    text: str
    is_error: bool = True

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return printable(f"{place}: {self.text}")


@dataclasses.dataclass
class Ledger:
    """Trials read so far, and the problems met."""

    trials: list[Trial] = dataclasses.field(default_factory=list)
    problems: list[Problem] = dataclasses.field(default_factory=list)
    _told: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    _more: dict[str, int] = dataclasses.field(default_factory=dict)  # path -> place in problems

    def error(self, path: str, text: str, line: int = 0) -> None:
        self._add(Problem(path, line, text))

    def note(self, path: str, text: str, line: int = 0) -> None:
        self._add(Problem(path, line, text, is_error=False))

    def _add(self, problem: Problem) -> None:
        """Tells so many problems of a file one by one, and the number of those after them."""
        self._told[problem.path] += 1
        if (more := self._told[problem.path] - MAX_TOLD) <= 0:
            self.problems.append(problem)
            return
        place = self._more.setdefault(problem.path, len(self.problems))
        is_error = problem.is_error or (more > 1 and self.problems[place].is_error)
        self.problems[place : place + 1] = [
            Problem(problem.path, 0, f"{more} more problems", is_error)
        ]


def printable(text: str) -> str:
    """The text on one line: names from logs may hold what moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@functools.cache
def natural(label: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts trial_2 before trial_10, different for different labels."""
    parts = re.split(r"([0-9]+)", label)
    # A number's length and digits order it as its value does, however long it is.
    keys = [
        (0, len(digits := part.lstrip("0")), digits) if part[0] in "0123456789" else (1, 0, part)
        for part in parts
        if part
    ]
    return (*keys, (-1, 0, label))


def without_superseded(columns: Mapping[str, Array]) -> tuple[dict[str, Array], int]:
    """Leaves out the rows that a run resumed after a preemption wrote again, and says how many.

    Rows are appended: where the count rises, a resumed run begins. It went back to a checkpoint; of
    the rows above, those from its first step on did not happen on the timeline that counts.
    """
    step, run = columns.get(STEP, NO_ROWS), columns.get(PREEMPTION, NO_ROWS)
    keep = np.ones(len(step), bool)
    for first in np.flatnonzero(run[1:] > run[:-1]) + 1:
        keep[:first] &= step[:first] < step[first]
    if keep.all():
        return dict(columns), 0
    return {name: values[keep] for name, values in columns.items()}, int((~keep).sum())


def only_made_for(ledger: Ledger, version: str, tuning: str) -> Ledger:
    """Leaves out trials that were made for another ruleset, where there are any made for this one,
    and what was wrong with their files.

    Official folders hold the logs of all versions and rulesets side by side, under the same names.
    """

    def fits(trial: Trial) -> bool:
        of_version, of_tuning = trial.facts.made_for
        return of_version in ("", version) and of_tuning in ("", tuning)

    fitting = [trial for trial in ledger.trials if fits(trial)]
    kept = fitting or ledger.trials
    others = {trial.origin for trial in ledger.trials} - {trial.origin for trial in kept}
    problems = [
        p for p in ledger.problems if others.isdisjoint((p.path, p.path.rpartition("/")[0]))
    ]
    result = Ledger(kept, problems)
    num_others = len(ledger.trials) - len(fitting)
    if num_others:
        what = "left out" if fitting else "scored by other rules than they were made for"
        text = f"{num_others} trials that were not made for {version} {tuning} are {what}"
        result.note("logs", text)
    return result
