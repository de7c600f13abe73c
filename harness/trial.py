"""One trial, from set-up to its outcome, as spec/timing.proto says."""

import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator

from harness import protocol
from harness.backend import Backend
from harness.checkpoint import Follower, Keeper
from harness.clock import Clock
from harness.errors import Interrupted, SubmissionError, printable
from harness.events import EventLog
from harness.experiment import Experiment
from harness.interruption import Interruption
from harness.ranks import Ranks
from harness.training import Training
from spec.event_pb2 import TrialEnded, TrialStarted
from spec.metrics import metric_name
from spec.timing_pb2 import Outcome, Segment

EXIT_STATUS = {
    Outcome.TARGET_REACHED: 0,
    Outcome.BUDGET_EXHAUSTED: 0,
    Outcome.STEP_LIMIT: 0,
    Outcome.COMPLETED_BY_SUBMISSION: 0,
    Outcome.DIVERGED: 0,
    Outcome.HARNESS_ERROR: 1,
    Outcome.OUT_OF_MEMORY: 3,
    Outcome.SUBMISSION_ERROR: 4,
    Outcome.INTERRUPTED: 130,
}
_MESSAGE_LENGTH = 500  # some frameworks explain at length; the traceback has it all


def run_trial(
    trial: TrialStarted,
    set_up: Callable[[TrialStarted], Experiment],
    clock: Clock,
    log: EventLog,
    interruption: Interruption,
    keeper: Keeper | Follower | None = None,
    ranks: Ranks | None = None,
) -> TrialEnded:
    """Runs a trial to its end, whatever that is, and records it.

    Args:
      trial: what is to be run. The log begins with it.
      set_up: makes the parts, and adds what only they know to `trial`, which is then logged again.
      clock: in SET_UP; of the checkpoint's state where the trial is resumed.
      log: of this trial.
      interruption: asked after every step and every batch of an evaluation.
      keeper: makes the checkpoints and has the one to go on from; without it there are none.
      ranks: the processes that run the trial together; without it there is this one.

    Raises:
      LogError: the end could not be written to the log.
    """
    ranks = ranks or Ranks()
    training = Training(trial, clock, log, interruption, keeper, ranks)
    experiment: Experiment | None = None
    ending = threading.Lock()  # the thread that writes the end takes it and keeps it

    def write(ended: TrialEnded) -> None:
        if training.standing.time_to_target_sec is not None:
            ended.time_to_target_sec = training.standing.time_to_target_sec
        ended.global_step = clock.step
        log.append(trial_ended=ended)

    def end_from_outside(ended: TrialEnded) -> int:
        ending.acquire()
        clock.abort()
        write(ended)
        return EXIT_STATUS[ended.outcome]

    ranks.when_stuck(end_from_outside)
    try:
        experiment = set_up(trial)
        log.append(trial_started=trial)
        clock.synchronize = experiment.backend.synchronize
        training.run(experiment)
        clock.enter(Segment.RECORD)
        ended = _regular_end(trial, training)
    except BaseException as error:
        # Whatever it is, it is recorded, and the outcome becomes the command's exit status.
        clock.abort()
        ended = _failure(error, experiment, interruption.reason)
        if not (isinstance(error, Interrupted) and ranks.agreed.signal):
            ended = ranks.settle(ended)
    training.scalars.write(log)
    ending.acquire()
    write(ended)
    return ended


def _regular_end(trial: TrialStarted, training: Training) -> TrialEnded:
    """The end of a trial that nothing disturbed."""
    outcome = protocol.outcome(trial.ruleset.timing, training.standing)
    assert outcome is not None
    if outcome == Outcome.DIVERGED:
        names = protocol.not_finite(trial.workload, training.latest_metrics)
        return TrialEnded(outcome=outcome, message=f"not finite: {', '.join(names)}")
    target = f"validation {metric_name(trial.workload.target_metric)}"
    messages = {
        Outcome.TARGET_REACHED: f"{target} met its target",
        Outcome.BUDGET_EXHAUSTED: f"the budget of {trial.budget_sec:g} timed seconds is used up",
        Outcome.STEP_LIMIT: f"the limit of {trial.step_limit} steps is reached",
        Outcome.COMPLETED_BY_SUBMISSION: "the submission raised TrainingCompleteError",
    }
    return TrialEnded(outcome=outcome, message=messages[outcome])


def _failure(error: BaseException, experiment: Experiment | None, signal: str) -> TrialEnded:
    """The end of a trial that an exception stopped. `signal` says which one came, if one did: a second
    one may raise anywhere, in the submission too.
    """
    backend = experiment.backend if experiment else None
    stops = (Interrupted, KeyboardInterrupt)
    if signal and any(isinstance(cause, stops) for cause in _causes(error)):
        outcome, message = Outcome.INTERRUPTED, signal
    elif is_out_of_memory(error, backend):
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


def is_out_of_memory(error: BaseException, backend: Backend | None) -> bool:
    """Whether the error, or what led to it, says that the host or a device has no memory left."""
    return any(
        isinstance(cause, MemoryError) or (backend and backend.is_out_of_memory(cause))
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it; a chain may be a ring."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
