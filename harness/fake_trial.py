"""Trials of fakes, for tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import fakes, protocol
from harness.clock import Clock
from harness.events import EventLog, read_log
from harness.experiment import Experiment
from harness.fakes import FakeBackend, Machine
from harness.interruption import Interruption
from harness.submission import Submission
from harness.trial import run_trial
from spec.event_pb2 import Event, TrialEnded, TrialStarted
from spec.ruleset_pb2 import Ruleset

RULES = fakes.WORKLOAD.rules["v0.6"]
MISS = (1.0, 1.0)  # results of an evaluation: on validation, on test
BOTH_MET = (0.4, 0.5)


class FakeTrial:
    """One trial of fakes, and what became of it."""

    def __init__(
        self,
        path: Path,
        machine: Machine,
        backend: FakeBackend,
        changes: dict[str, Callable[..., Any]] | None = None,
        ruleset: Ruleset = fakes.RULESET,
        max_steps: int = 0,
        step_sec: float = 1.0,
        interruption: Interruption | None = None,
    ):
        functions = fakes.functions(machine, step_sec) | (changes or {})
        self.trial = TrialStarted(
            workload=fakes.WORKLOAD,
            ruleset=ruleset,
            seed=3,
            trial=1,
            budget_sec=protocol.budget_sec(ruleset, RULES),
            step_limit=protocol.step_limit(ruleset, RULES, max_steps),
        )

        def set_up(trial: TrialStarted) -> Experiment:
            submission = Submission(functions)
            trial.global_batch_size = submission.batch_size(trial.workload, backend.num_devices)
            return Experiment(
                backend, submission, "points", fakes.train_batches, fakes.eval_batches
            )

        self.clock = Clock(ruleset.timing.timed, now=machine.now)
        self.log = EventLog(path / "events.jsonl", self.clock)
        self.log.append(trial_started=self.trial)
        self.ended: TrialEnded = run_trial(
            self.trial, set_up, self.clock, self.log, interruption or Interruption()
        )
        self.events: list[Event] = read_log(self.log.path).events
        self.evaluations = [e for e in self.events if e.HasField("evaluation")]
        assert self.events[-1].trial_ended == self.ended
        assert [e.HasField("trial_ended") for e in self.events].count(True) == 1
