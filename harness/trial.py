"""One trial, from set-up to its outcome, as spec/timing.proto says."""

import dataclasses
import textwrap
import traceback
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from harness import protocol
from harness.backend import Backend, Batch
from harness.clock import Clock
from harness.errors import DataError, Interrupted, SubmissionError, printable
from harness.events import EventLog
from harness.interruption import Interruption
from harness.metrics_logger import MetricsLogger
from harness.protocol import Standing
from harness.submission import Submission
from spec import rng
from spec.event_pb2 import Evaluation, Remark, TrialEnded, TrialStarted
from spec.interface import TrainingCompleteError
from spec.loading import rules_of
from spec.metrics import metric_name
from spec.timing_pb2 import Outcome, Segment, TimingProtocol

_MESSAGE_LENGTH = 500  # some frameworks explain at length; the traceback has it all
# Prefix of metric names -> split.
_SPLITS = {"train": "eval_train", "validation": "validation", "test": "test"}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a trial brings together.

    Attributes:
      hyperparameters: as submissions see them; None under self-tuning.
      train_batches: endless.
      eval_batches: one pass over a split, by its name in `Splits`.
    """

    backend: Backend
    submission: Submission
    hyperparameters: Any
    train_batches: Iterator[Batch]
    eval_batches: Callable[[str], Iterable[Batch]]


def run_trial(
    trial: TrialStarted,
    set_up: Callable[[TrialStarted], Experiment],
    clock: Clock,
    log: EventLog,
    interruption: Interruption,
) -> TrialEnded:
    """Runs a trial to its end, whatever that is, and records it.

    Args:
      trial: what is to be run. The log begins with it.
      set_up: makes the parts, and adds what only they know to `trial`, which is then logged again.
      clock: in SET_UP.
      log: of this trial.
      interruption: asked after every step and every batch of an evaluation.

    Raises:
      LogError: the end could not be written to the log.
    """
    standing, scalars = Standing(), MetricsLogger()
    experiment: Experiment | None = None
    try:
        experiment = set_up(trial)
        log.append(trial_started=trial)
        clock.synchronize = experiment.backend.synchronize
        train(trial, experiment, standing, clock, log, scalars, interruption)
        clock.enter(Segment.RECORD)
        ended = _regular_end(trial, standing)
    except BaseException as error:
        # Whatever it is, it is recorded, and the outcome becomes the command's exit status.
        clock.abort()
        ended = _failure(error, experiment)
    if standing.time_to_target_sec is not None:
        ended.time_to_target_sec = standing.time_to_target_sec
    ended.global_step = clock.step
    scalars.write(log)
    log.append(trial_ended=ended)
    return ended


def train(
    trial: TrialStarted,
    experiment: Experiment,
    standing: Standing,
    clock: Clock,
    log: EventLog,
    scalars: MetricsLogger,
    interruption: Interruption,
) -> None:
    """Trains and evaluates until the protocol gives `standing` an outcome."""
    backend, submission = experiment.backend, experiment.submission
    workload, hyperparameters = backend.workload, experiment.hyperparameters
    timing, rules = trial.ruleset.timing, rules_of(trial.workload, trial.ruleset.version)

    def random_state(purpose: str, step: int = 0) -> Any:
        return backend.rng(rng.key_words(trial.seed, purpose, step=step))

    # SET_UP: not timed.
    workload.metrics_logger = scalars
    input_queue = _placed(experiment.train_batches, backend)
    params, model_state = workload.init_model_fn(random_state("init_model"))
    structure = backend.structure(params, model_state)
    optimizer_state = submission.init_optimizer_state(
        workload, params, model_state, hyperparameters, random_state("init_optimizer_state")
    )
    prepare_for_eval = _prepare_for_eval(submission, timing, log)
    last_evaluation_sec: float | None = None
    eval_results: list[tuple[int, dict[str, float]]] = []
    train_state: dict[str, Any] = _train_state(clock, standing)
    same_at_every_call = {
        "workload": workload,
        "current_params_types": workload.model_params_types,
        "hyperparameters": hyperparameters,
        "loss_type": workload.loss_type,
        "eval_results": eval_results,
    }
    where_named = (
        {"train_state": types.MappingProxyType(train_state)} if submission.takes_train_state else {}
    )
    clock.enter(Segment.STEP, params, model_state, optimizer_state)

    while True:
        # STEP: timed, with whatever it makes the framework compile.
        step = clock.step
        batch = submission.data_selection(
            workload,
            input_queue,
            optimizer_state,
            params,
            model_state,
            hyperparameters,
            step,
            random_state("data_selection", step),
        )
        try:
            optimizer_state, params, model_state = submission.update_params(
                **same_at_every_call,
                **where_named,
                current_param_container=params,
                model_state=model_state,
                batch=batch,
                optimizer_state=optimizer_state,
                global_step=step,
                rng=random_state("update_params", step),
            )
        except TrainingCompleteError:
            standing.is_completed_by_submission = True
        timed_sec = clock.end_step(params, model_state, optimizer_state)
        step = clock.step
        standing.is_step_limit_reached = step == trial.step_limit
        train_state["accumulated_submission_time"] = timed_sec
        interruption.check()

        is_due = protocol.evaluation_due(
            timing, rules, step, standing.is_last_step, clock.total_sec, last_evaluation_sec
        )
        if protocol.budget_ends_trial(timing, timed_sec, trial.budget_sec, is_due):
            standing.is_budget_exhausted = True
            return
        if not is_due:
            continue

        # PREPARE_FOR_EVAL: timed.
        del batch  # the evaluation may need its memory
        if prepare_for_eval:
            clock.enter(Segment.PREPARE_FOR_EVAL)
            optimizer_state, params, model_state = prepare_for_eval(
                **same_at_every_call,
                current_param_container=params,
                model_state=model_state,
                optimizer_state=optimizer_state,
                global_step=step,
                rng=random_state("prepare_for_eval", step),
            )

        # EVALUATION: not timed.
        clock.enter(Segment.EVALUATION, params, model_state, optimizer_state)
        if protocol.budget_ends_trial(timing, clock.timed_sec, trial.budget_sec, is_due):
            standing.is_budget_exhausted = True
            return
        _check_structure(backend, params, model_state, structure)
        eval_rng = random_state("evaluate", step)
        metrics = _evaluate(trial, experiment, params, model_state, eval_rng, interruption)

        # RECORD: not timed.
        clock.enter(Segment.RECORD)
        last_evaluation_sec = clock.total_sec
        judgement = protocol.judge(trial.workload, rules, timing, metrics)
        standing.add(judgement, clock.timed_sec)
        standing.is_budget_exhausted = clock.timed_sec >= trial.budget_sec
        train_state.update(_train_state(clock, standing))
        eval_results.append((step, metrics | _official_times(clock)))
        scalars.write(log)
        log.append(
            evaluation=Evaluation(
                global_step=step,
                metrics=metrics,
                validation_target_met=judgement.validation_target_met,
                test_target_met=judgement.test_target_met,
            )
        )
        if protocol.outcome(timing, standing) is not None:
            return
        clock.enter(Segment.STEP)


def _prepare_for_eval(
    submission: Submission, timing: TimingProtocol, log: EventLog
) -> Callable[..., Any] | None:
    """The submission's function, unless the ruleset is of a version that did not call it."""
    if submission.prepare_for_eval and Segment.PREPARE_FOR_EVAL not in timing.timed:
        ignored = "prepare_for_eval is not called: this version of the rules has no such function"
        log.append(remark=Remark(message=ignored))
        return None
    return submission.prepare_for_eval


def _placed(batches: Iterator[Batch], backend: Backend) -> Iterator[Any]:
    """The input queue: batches on the devices. Its failures are not those of who asks it."""
    try:
        for batch in batches:
            yield backend.place(batch)
    except Exception as error:
        name = type(error).__name__
        raise DataError(f"the training data raised {name}: {printable(error)}") from error


def _check_structure(
    backend: Backend, params: Any, model_state: Any, expected: Mapping[str, str]
) -> None:
    """Raises a SubmissionError unless parameters and model state are what they began as, but for
    their values.
    """
    try:
        found = backend.structure(params, model_state)
    except Exception as error:
        raise SubmissionError(
            f"the returned parameters ({type(params).__name__}) or model state "
            f"({type(model_state).__name__}) are not as init_model_fn gave them: {printable(error)}"
        ) from error
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            raise SubmissionError(
                f"{name} was returned as {found.get(name, 'nothing')}, "
                f"expected {expected.get(name, 'no such array')}"
            )


def _evaluate(
    trial: TrialStarted,
    experiment: Experiment,
    params: Any,
    model_state: Any,
    eval_rng: Any,
    interruption: Interruption,
) -> dict[str, float]:
    """Metrics of all splits, under their official names."""

    def stoppable(batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            interruption.check()
            yield batch

    metrics: dict[str, float] = {}
    for prefix, split in _SPLITS.items():
        if not trial.workload.splits.HasField(split):
            continue
        batches = stoppable(experiment.eval_batches(split))
        values = experiment.backend.evaluate(params, model_state, eval_rng, batches)
        metrics |= {f"{prefix}/{name}": float(value) for name, value in values.items()}
        if prefix != "train":
            metrics[f"{prefix}/num_examples"] = getattr(trial.workload.splits, split)
    return metrics


def _official_times(clock: Clock) -> dict[str, float]:
    """What the official runner adds to the metrics that a submission sees."""
    reading = clock.reading()
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


def _regular_end(trial: TrialStarted, standing: Standing) -> TrialEnded:
    """The end of a trial that nothing disturbed."""
    outcome = protocol.outcome(trial.ruleset.timing, standing)
    assert outcome is not None
    target = f"validation {metric_name(trial.workload.target_metric)}"
    messages = {
        Outcome.TARGET_REACHED: f"{target} met its target",
        Outcome.BUDGET_EXHAUSTED: f"the budget of {trial.budget_sec:g} timed seconds is used up",
        Outcome.STEP_LIMIT: f"the limit of {trial.step_limit} steps is reached",
        Outcome.COMPLETED_BY_SUBMISSION: "the submission raised TrainingCompleteError",
        Outcome.DIVERGED: f"{target} or another loss on validation is not finite",
    }
    return TrialEnded(outcome=outcome, message=messages[outcome])


def _failure(error: BaseException, experiment: Experiment | None) -> TrialEnded:
    """The end of a trial that an exception stopped."""
    causes = list(_causes(error))
    is_out_of_memory = any(
        isinstance(cause, MemoryError)
        or (experiment and experiment.backend.is_out_of_memory(cause))
        for cause in causes
    )
    if isinstance(error, Interrupted | KeyboardInterrupt):
        outcome, message = Outcome.INTERRUPTED, str(error) or "stopped by SIGINT"
    elif is_out_of_memory:
        outcome, message = Outcome.OUT_OF_MEMORY, printable(error) or "the host has no memory left"
    elif isinstance(error, SubmissionError):
        outcome, message = Outcome.SUBMISSION_ERROR, str(error)
    else:
        outcome, message = Outcome.HARNESS_ERROR, f"{type(error).__name__}: {printable(error)}"
    return TrialEnded(
        outcome=outcome,
        message=textwrap.shorten(printable(message), _MESSAGE_LENGTH, placeholder=" ..."),
        traceback=printable("".join(traceback.format_exception(error))),
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it; a chain may be a ring."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
