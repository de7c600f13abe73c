"""The training loop: what is timed, when it evaluates, what a checkpoint holds."""

import dataclasses
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from harness import protocol, shares
from harness.checkpoint import CONVERTED, Arrays, Checkpoint, Follower, Keeper
from harness.clock import Clock
from harness.errors import Interrupted, SubmissionError, printable
from harness.events import EventLog
from harness.experiment import Experiment, InputQueue, check_structure, evaluate
from harness.interruption import Interruption
from harness.metrics_logger import MetricsLogger
from harness.protocol import Standing
from harness.ranks import Ranks
from harness.submission import Submission
from spec import rng
from spec.event_pb2 import CheckpointSaved, Evaluation, Remark, TrialStarted
from spec.interface import TrainingCompleteError
from spec.loading import rules_of
from spec.timing_pb2 import Segment, TimingProtocol


class Training:
    """Trains and evaluates until the protocol gives the trial an outcome.

    Attributes:
      standing: what is true of the trial so far.
    """

    def __init__(
        self,
        trial: TrialStarted,
        clock: Clock,
        log: EventLog,
        interruption: Interruption,
        keeper: Keeper | Follower | None,
        ranks: Ranks | None = None,
    ):
        self.standing = Standing()
        self.scalars = MetricsLogger()
        self._trial = trial
        self._timing = trial.ruleset.timing
        self._clock = clock
        self._log = log
        self._interruption = interruption
        self._keeper = keeper
        self._ranks = ranks or Ranks()
        self._last_evaluation_sec: float | None = None
        self._eval_results: list[tuple[int, dict[str, float]]] = []
        self._due_step = 0  # the last step that an evaluation was begun after

    def run(self, experiment: Experiment) -> None:
        """The whole training, from the first values or from a checkpoint on."""
        self._set_up(experiment)
        try:
            while not self._is_over():
                self._take_step()
        except SubmissionError:
            self._input_queue.check()
            raise
        except Interrupted:
            self._clock.abort()
            self._save_checkpoint()
            raise

    def _set_up(self, experiment: Experiment) -> None:
        """SET_UP: not timed."""
        self._rules = rules_of(self._trial.workload, self._trial.ruleset.version)
        backend, submission = experiment.backend, experiment.submission
        workload, hyperparameters = backend.workload, experiment.hyperparameters
        self._experiment, self._backend, self._submission = experiment, backend, submission
        workload.metrics_logger = self.scalars
        self._params, self._model_state = workload.init_model_fn(self._random_state("init_model"))
        self._structure = backend.structure(self._params, self._model_state)
        self._optimizer_state = self._first_optimizer_state()
        self._prepare_for_eval = _prepare_for_eval(submission, self._timing, self._log)
        num_batches = 0
        if self._keeper and self._keeper.resumed:
            num_batches = self._restore(self._keeper.resumed)
        self._input_queue = InputQueue(experiment.train_batches(num_batches), backend, num_batches)
        self._train_state = _train_state(self._clock, self.standing)
        self._same_at_every_call = {
            "workload": workload,
            "current_params_types": workload.model_params_types,
            "hyperparameters": hyperparameters,
            "loss_type": workload.loss_type,
            "eval_results": self._copied_results(),
        }
        self._where_named = (
            {"train_state": types.MappingProxyType(self._train_state)}
            if submission.takes_train_state
            else {}
        )

    def _first_optimizer_state(self) -> Any:
        state = self._submission.init_optimizer_state(
            self._backend.workload,
            self._params,
            self._model_state,
            self._experiment.hyperparameters,
            self._random_state("init_optimizer_state"),
        )
        return self._backend.commit(state)

    def _random_state(self, purpose: str, step: int = 0) -> Any:
        return self._backend.rng(rng.key_words(self._trial.seed, purpose, step=step))

    @property
    def latest_metrics(self) -> dict[str, float]:
        """What the last evaluation found; there has to be one."""
        return self._eval_results[-1][1]

    @property
    def _results(self) -> tuple[Any, Any, Any]:
        """What the barrier waits for."""
        return self._params, self._model_state, self._optimizer_state

    def _take_step(self) -> None:
        """STEP: timed, with whatever it makes the framework compile."""
        clock = self._clock
        if clock.segment != Segment.STEP:
            clock.enter(Segment.STEP, *self._results)
        step = clock.step
        batch = self._submission.data_selection(
            self._backend.workload,
            self._input_queue,
            self._optimizer_state,
            self._params,
            self._model_state,
            self._experiment.hyperparameters,
            step,
            self._random_state("data_selection", step),
        )
        try:
            self._optimizer_state, self._params, self._model_state = self._submission.update_params(
                **self._same_at_every_call,
                **self._where_named,
                current_param_container=self._params,
                model_state=self._model_state,
                batch=batch,
                optimizer_state=self._optimizer_state,
                global_step=step,
                rng=self._random_state("update_params", step),
            )
        except TrainingCompleteError:
            self._ranks.own.completed = True
        timed_sec = clock.end_step(*self._results)
        self.standing.is_completed_by_submission |= bool(self._ranks.agreed.completed)
        if self._keeper:
            self._keeper.note(clock.step, timed_sec)
        self.standing.is_step_limit_reached = clock.step == self._trial.step_limit
        self._train_state["accumulated_submission_time"] = timed_sec
        self._interruption.check()

    def _is_over(self) -> bool:
        """Whether the trial ends after the steps so far. Evaluates them first if that is due."""
        clock, step = self._clock, self._clock.step
        if step == 0:
            return False
        is_evaluated = bool(self._eval_results) and self._eval_results[-1][0] == step
        if not is_evaluated:
            is_due = self._due_step == step or protocol.evaluation_due(
                self._timing,
                self._rules,
                step,
                self.standing.is_last_step,
                clock.loop_sec,
                self._last_evaluation_sec,
            )
            if self._is_budget_exhausted(is_due):
                return True
            if not is_due:
                return False
            if self._due_step < step:
                self._prepare(step)
            clock.enter(Segment.EVALUATION, *self._results)
            if self._is_budget_exhausted(is_due):
                return True
            self._evaluate(step)
        return protocol.outcome(self._timing, self.standing) is not None

    def _is_budget_exhausted(self, is_evaluation_due: bool) -> bool:
        """Whether the trial ends now because its timed seconds are used up."""
        is_exhausted = protocol.budget_ends_trial(
            self._timing, self._clock.timed_sec, self._trial.budget_sec, is_evaluation_due
        )
        self.standing.is_budget_exhausted |= is_exhausted
        return is_exhausted

    def _prepare(self, step: int) -> None:
        """PREPARE_FOR_EVAL: timed."""
        if self._prepare_for_eval:
            self._clock.enter(Segment.PREPARE_FOR_EVAL)
            self._optimizer_state, self._params, self._model_state = self._prepare_for_eval(
                **self._same_at_every_call,
                current_param_container=self._params,
                model_state=self._model_state,
                optimizer_state=self._optimizer_state,
                global_step=step,
                rng=self._random_state("prepare_for_eval", step),
            )
        self._due_step = step

    def _evaluate(self, step: int) -> None:
        """EVALUATION and RECORD: not timed."""
        clock, trial = self._clock, self._trial
        check_structure(self._backend, self._params, self._model_state, self._structure)
        metrics = evaluate(
            trial,
            self._experiment,
            self._params,
            self._model_state,
            self._random_state("evaluate", step),
            self._meet_and_check,
        )
        metrics = self._ranks.gathered(metrics)[0]  # so that all ranks decide alike
        clock.enter(Segment.RECORD)
        self._last_evaluation_sec = clock.loop_sec
        judgement = protocol.judge(trial.workload, self._rules, self._timing, metrics)
        self.standing.add(judgement, clock.timed_sec)
        self.standing.is_budget_exhausted = clock.timed_sec >= trial.budget_sec
        self._train_state.update(_train_state(clock, self.standing))
        self._eval_results.append((step, metrics | _official_times(clock)))
        self._same_at_every_call["eval_results"] = self._copied_results()
        self.scalars.write(self._log)
        self._log.append(
            evaluation=Evaluation(
                global_step=step,
                metrics=metrics,
                validation_target_met=judgement.validation_target_met,
                test_target_met=judgement.test_target_met,
            )
        )
        self._save_checkpoint()

    def _copied_results(self) -> list[tuple[int, dict[str, float]]]:
        """The evaluations so far for a submission, which may do with its copy what it likes."""
        return [(step, dict(metrics)) for step, metrics in self._eval_results]

    def _meet_and_check(self) -> None:
        """Between two batches of an evaluation, which all ranks begin together."""
        self._ranks.now()
        self._interruption.check()

    def _save_checkpoint(self) -> None:
        """RECORD: not timed. A failure is recorded and changes nothing else."""
        keeper, clock, log = self._keeper, self._clock, self._log
        if keeper is None or not keeper.makes_checkpoints:
            return
        self.scalars.write(log)
        event = log.next_sequence
        reason = ""
        try:
            arrays, state = self._save()
        except Exception as error:  # a submission's own code may be asked
            reason = printable(error) or type(error).__name__
        if reason := next(filter(None, self._ranks.gathered(reason)), ""):
            keeper.makes_checkpoints = False
            log.append(remark=Remark(message=f"this submission cannot be resumed: {reason}"))
            return
        arrays, others = shares.collect(self._ranks, arrays, state)
        if isinstance(keeper, Follower):
            return
        content = {
            "step": clock.step,
            "first_lost_event": event,
            "clock": clock.state(),
            "standing": dataclasses.asdict(self.standing),
            "last_evaluation_sec": self._last_evaluation_sec,
            "due_step": self._due_step,
            "eval_results": self._eval_results,
            "num_batches": self._input_queue.num_taken,
            "state": state,
            "num_ranks": self._ranks.count,
            "others": others,
        }
        try:
            path = keeper.save(clock.step, event, content, arrays)
        except OSError as error:
            reason = error.strerror or str(error)
            log.append(remark=Remark(message=f"no checkpoint after step {clock.step}: {reason}"))
            return
        saved = CheckpointSaved(
            global_step=clock.step,
            path=f"{path.parent.name}/{path.name}",
            bytes=sum(array.nbytes for array in arrays.values()),
        )
        log.append(checkpoint_saved=saved)

    def _save(self) -> tuple[Arrays, Any]:
        return self._backend.save(*self._results, self._trial.submission.state)

    def _restore(self, checkpoint: Checkpoint) -> int:
        """Puts everything in the place of its first value; returns the number of batches taken.

        Raises:
          RestoreError: what was restored is not what was saved.
        """
        content = checkpoint.content
        arrays, saved_state = shares.own(self._ranks, checkpoint)
        is_converted = content["state"] == CONVERTED
        parts = self._trial.submission.state
        try:
            self._params, self._model_state, self._optimizer_state = self._backend.restore(
                arrays, saved_state, *self._results, parts
            )
            if is_converted and not parts:
                self._optimizer_state = self._first_optimizer_state()  # of these parameters
            again, state = self._save()
        except Exception as error:
            raise RestoreError(f"{checkpoint.path} cannot be restored: {error}") from error
        if is_converted:
            again = {name: again[name] for name in arrays if name in again}
            arrays = {name: _in_type_of(again.get(name), array) for name, array in arrays.items()}
        elif state != saved_state:
            raise RestoreError(
                f"{checkpoint.path}: the submission's state is not restored as it was"
            )
        if difference := _first_difference(arrays, again):
            raise RestoreError(f"{checkpoint.path}: {difference} is not restored as it was")
        self.standing = Standing(**content["standing"])
        self._last_evaluation_sec = content["last_evaluation_sec"]
        self._due_step = content["due_step"]
        self._eval_results += [(step, metrics) for step, metrics in content["eval_results"]]
        return int(content["num_batches"])


class RestoreError(RuntimeError):
    """A checkpoint does not fit what the submission makes at its start."""


def _in_type_of(restored: np.ndarray | None, array: np.ndarray) -> np.ndarray:
    """An array of another framework as this one holds it, where a number may have another type."""
    return array if restored is None else array.astype(restored.dtype)


def _first_difference(expected: Arrays, found: Arrays) -> str:
    """The name of the first array that is not the same to the bit; empty when all are."""
    for name in [*expected, *found]:
        a, b = expected.get(name), found.get(name)
        if a is None or b is None or a.dtype != b.dtype or a.shape != b.shape:
            return name
        if np.asarray(a, order="C").tobytes() != np.asarray(b, order="C").tobytes():
            return name
    return ""


def _prepare_for_eval(
    submission: Submission, timing: TimingProtocol, log: EventLog
) -> Callable[..., Any] | None:
    """The submission's function, unless the ruleset is of a version that did not call it."""
    if submission.prepare_for_eval and Segment.PREPARE_FOR_EVAL not in timing.timed:
        ignored = "prepare_for_eval is not called: this version of the rules has no such function"
        log.append(remark=Remark(message=ignored))
        return None
    return submission.prepare_for_eval


def _official_times(clock: Clock) -> dict[str, float]:
    """What the official runner adds to the metrics that a submission sees; the same on all ranks."""
    reading = clock.boundary()
    return {
        "score": reading.timed_sec,
        "accumulated_submission_time": reading.timed_sec,
        "accumulated_eval_time": reading.evaluation_sec,
        "accumulated_logging_time": reading.record_sec,
        "total_duration": reading.total_sec,
    }


def _train_state(clock: Clock, standing: Standing) -> dict[str, Any]:
    """What the official runner shows as `train_state`, as far as it is the same here."""
    times = _official_times(clock)
    return {
        "accumulated_submission_time": times["accumulated_submission_time"],
        "accumulated_eval_time": times["accumulated_eval_time"],
        "accumulated_logging_time": times["accumulated_logging_time"],
        "validation_goal_reached": standing.validation_target_met,
        "test_goal_reached": standing.test_target_met,
        "is_time_remaining": not standing.is_budget_exhausted,
        "training_complete": standing.is_last_step,
    }
