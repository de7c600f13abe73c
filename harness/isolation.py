"""A trial whose submission runs in another process, in a sandbox.

The training loop sees a backend and a submission as always; what they do with parameters and state is
done by the worker inside (worker.py), for which they hold nothing but placeholders. This process
keeps the clock, the log and the data, and evaluates parameters that it was sent. No answer is
trusted: each is bounded, checked, and has to come in time.
"""

import contextlib
import dataclasses
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.backend import Backend, Batch
from harness.clock import Clock
from harness.errors import SubmissionError, printable
from harness.experiment import Experiment
from harness.frames import Arrays, Channel
from harness.isolated_process import SHARED_DEVICES, Process
from harness.metrics_logger import MetricsLogger
from harness.submission import Source, Submission
from inputs.pipeline import map_arrays
from spec.event_pb2 import TrialStarted
from spec.interface import TrainingCompleteError
from spec.state_names import Parts
from spec.submission_pb2 import Framework
from spec.workload_pb2 import Workload as Message

SetUp = Callable[..., Experiment]


class Feed:
    """Sends training batches ahead of their use, in a thread that waits while the worker has enough.
    Iterates over placeholders of those that were used.

    Attributes:
      num_sent: batches sent, or on the way.
      num_taken: how many of them were used.
      error: what the data raised.
    """

    def __init__(self, channel: Channel, batches: Iterator[Batch]):
        self.num_sent = self.num_taken = 0
        self.error: Exception | None = None
        self._channel = channel
        self._batches = batches
        threading.Thread(target=self._send_all, name="feed", daemon=True).start()

    def _send_all(self) -> None:
        with contextlib.suppress(OSError):  # the worker is gone
            while (batch := self._next_batch()) is not None:
                arrays: Arrays = {}
                skeleton = map_arrays(functools.partial(_numbered, arrays), batch)
                self.num_sent += 1
                self._channel.send(skeleton, arrays)
            self._channel.end()

    def _next_batch(self) -> Batch | None:
        try:
            return next(self._batches)
        except Exception as error:
            self.error = error
            return None

    def __iter__(self) -> Iterator[None]:
        return self

    def __next__(self) -> None:
        if self.error and self.num_taken == self.num_sent:
            raise self.error
        self.num_taken += 1


def _numbered(arrays: Arrays, array: np.ndarray) -> Any:
    """The number of an array, which is put among the others."""
    arrays[str(len(arrays))] = array
    return len(arrays) - 1


class Workload:
    """The part of a workload that the training loop asks for."""

    def __init__(self, workload: Any, process: Process):
        self.model_params_types = workload.model_params_types
        self.loss_type = workload.loss_type
        self._process = process
        self._logger = MetricsLogger()

    @property
    def metrics_logger(self) -> MetricsLogger:
        return self._logger

    @metrics_logger.setter
    def metrics_logger(self, logger: MetricsLogger) -> None:
        self._logger = logger
        logger.before_write = self._fetch_scalars

    def init_model_fn(self, words: np.ndarray) -> tuple[None, None]:
        self._process.ask("init_model", words=words.tolist())
        return None, None

    def _fetch_scalars(self) -> None:
        """Of a process that answers no more, what it had logged is lost."""
        with contextlib.suppress(SubmissionError, TypeError, ValueError):
            for step, metrics in self._process.ask("scalars"):
                self._logger.append_scalar_metrics(metrics, step)


class IsolatedBackend:
    """The backend, with a worker for all that has to do with training. Parameters, model state and
    optimizer state are None here.
    """

    def __init__(self, backend: Backend, process: Process, clock: Clock):
        self.num_devices = backend.num_devices
        self.is_out_of_memory = backend.is_out_of_memory
        self.number_of_parameters = backend.number_of_parameters
        self.accelerators = backend.accelerators
        self.reference_step = backend.reference_step
        self.workload = Workload(backend.workload, process)
        self._backend = backend
        self._process = process
        self._clock = clock
        self._expected = _model_arrays(backend.workload)
        self._step_is_over = False
        self._arrays: Arrays | None = None
        self._model: Any = None

    def changed(self, by_step: bool = False) -> None:
        """Notes that the worker's parameters are others now."""
        self._step_is_over = by_step
        self._arrays = self._model = None

    def rng(self, words: np.ndarray) -> np.ndarray:
        return words

    def place(self, batch: Any) -> Any:
        return batch

    def synchronize(self, *results: Any) -> None:
        """The worker answers when its devices are done with a step. Before an evaluation, that is the
        next time that somebody waits, parameters come over while the submission pays for the time: it
        cannot go on with them when the clock has stopped.
        """
        if not results or not self._clock.is_timed:
            return
        if self._step_is_over:
            self._step_is_over = False
        elif self._arrays is None:
            self._arrays = self._hand_over()

    def _hand_over(self) -> Arrays:
        _, arrays = self._process.ask_arrays("hand_over")
        for name in [*self._expected, *arrays]:
            array = arrays.get(name)
            found = "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
            if found != self._expected.get(name):
                expected = self._expected.get(name, "no such array")
                raise SubmissionError(f"{printable(name)} came as {found}, expected {expected}")
        return arrays

    def evaluate(
        self, params: Any, model_state: Any, rng: Any, batches: Iterable[Batch]
    ) -> Mapping[str, float]:
        backend = self._backend
        if self._model is None:
            arrays = self._hand_over() if self._arrays is None else self._arrays
            self._model = backend.workload.import_model(
                _under("params.", arrays), _under("model_state.", arrays)
            )
        params, model_state = self._model
        with self._process.paused():
            return backend.evaluate(params, model_state, backend.rng(rng), batches)

    def structure(self, params: Any, model_state: Any) -> Mapping[str, str]:
        """What is to be compared is compared where the arrays are, and what comes over is compared
        with the specification.
        """
        return {}

    def commit(self, optimizer_state: Any) -> Any:
        """The worker did."""
        return optimizer_state

    def save(
        self, params: Any, model_state: Any, optimizer_state: Any, parts: Parts = ()
    ) -> tuple[Arrays, Any]:
        """The worker knows the parts from the manifest."""
        state, arrays = self._process.ask_arrays("save")
        return arrays, state

    def restore(
        self,
        arrays: Mapping[str, np.ndarray],
        state: Any,
        params: Any,
        model_state: Any,
        optimizer_state: Any,
        parts: Parts = (),
    ) -> tuple[None, None, None]:
        self._process.ask("restore", arrays, state=state)
        self.changed()
        return None, None, None


def _under(prefix: str, arrays: Arrays) -> Arrays:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _model_arrays(workload: Any) -> dict[str, str]:
    """Type and shape of every array of a model, by its name."""
    shapes = {f"params.{p.name}": list(p.shape) for p in workload.parameters}
    state = workload.initial_state.items()
    shapes |= {f"model_state.{name}": list(array.shape) for name, array in state}
    return {name: f"float32{shape}" for name, shape in shapes.items()}


class IsolatedSubmission(Submission):
    """The submission's functions, called in the worker. First of all `join` is called."""

    _backend: IsolatedBackend  # whose parameters they change
    _feed: Feed  # where their batches come from

    def __init__(self, process: Process, has: Any):
        """`has` is the worker's answer when it loaded the submission."""
        has = has if isinstance(has, dict) else {}
        self._process = process
        self._num_told = 0  # evaluations that the worker knows of
        self.takes_train_state = has.get("takes_train_state") is True
        self.prepare_for_eval = None
        if has.get("has_prepare_for_eval") is True:
            self.prepare_for_eval = self._prepare_for_eval

    def join(self, experiment: Experiment, clock: Clock) -> Experiment:
        """The experiment of this submission with its other parts in the worker too."""
        self._backend = IsolatedBackend(experiment.backend, self._process, clock)

        def train_batches(start: int) -> Iterator[Any]:
            self._feed = Feed(self._process.batches, experiment.train_batches(start))
            return self._feed

        return dataclasses.replace(experiment, backend=self._backend, train_batches=train_batches)

    def batch_size(self, workload: Message, num_devices: int) -> int:
        size = self._process.ask("batch_size", num_devices=num_devices)
        self._get_batch_size = lambda name: size
        return super().batch_size(workload, num_devices)

    def init_optimizer_state(
        self, workload: Any, params: Any, model_state: Any, hyperparameters: Any, rng: np.ndarray
    ) -> None:
        point = None if hyperparameters is None else hyperparameters._asdict()
        self._process.ask("init_optimizer_state", point=point, words=rng.tolist())

    def data_selection(
        self, workload: Any, input_queue: Iterator[None], *others: Any
    ) -> tuple[Iterator[None], np.ndarray]:
        """Is done together with the update, in one request."""
        *_, rng = others
        return input_queue, rng

    def update_params(
        self,
        *,
        batch: tuple[Iterator[None], np.ndarray],
        eval_results: list[Any],
        global_step: int,
        rng: np.ndarray,
        train_state: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> tuple[None, None, None]:
        input_queue, selection_rng = batch
        self._backend.changed(by_step=True)
        try:
            answer = self._process.ask(
                "step",
                step=global_step,
                words=[selection_rng.tolist(), rng.tolist()],
                evaluations=self._news(eval_results),
                train_state=None if train_state is None else dict(train_state),
            )
        except SubmissionError:
            while self._feed.error:  # this raises why there was no batch
                next(input_queue)
            raise
        for _ in range(self._newly_taken(answer)):
            next(input_queue)
        if answer.get("is_complete") is True:
            raise TrainingCompleteError
        return None, None, None

    def _prepare_for_eval(
        self, *, eval_results: list[Any], global_step: int, rng: np.ndarray, **others: Any
    ) -> tuple[None, None, None]:
        self._backend.changed()
        news = self._news(eval_results)
        self._process.ask(
            "prepare_for_eval", step=global_step, words=rng.tolist(), evaluations=news
        )
        return None, None, None

    def _news(self, eval_results: list[Any]) -> list[Any]:
        """The evaluations that the worker does not know of."""
        news = eval_results[self._num_told :]
        self._num_told += len(news)
        return news

    def _newly_taken(self, answer: Any) -> int:
        """How many batches a step took."""
        number = answer.get("num_taken") if isinstance(answer, dict) else None
        num_taken, num_sent = self._feed.num_taken, self._feed.num_sent
        if type(number) is not int or not num_taken <= number <= num_sent:
            raise SubmissionError(
                f"the submission's process says that it took {printable(number)[:99]} batches, "
                f"expected {num_taken} to {num_sent}"
            )
        return number - num_taken


@contextlib.contextmanager
def isolated(
    parts: SetUp, worker: str, trial: TrialStarted, clock: Clock, folder: Path
) -> Iterator[SetUp]:
    """What makes the parts of a trial, with those that train in a sandbox as long as the context lasts.

    Args:
      parts: makes them for a trial and `load`, which loads a submission.
      worker: module of Python whose program is the worker.
      trial: as far as it is known.
      clock: the trial's.
      folder: the run folder; what runs is the submission's copy in it.
    """
    os.environ.update(SHARED_DEVICES)
    framework = Framework.Name(trial.framework).lower()
    with contextlib.ExitStack() as stack:

        def load(source: Source) -> Submission:
            module = source.module.relative_to(source.folder).as_posix()
            process = Process([worker, framework, module], folder, clock, trial.budget_sec)
            stack.callback(process.stop)
            has = process.ask(
                "load",
                workload=trial.workload.SerializeToString(deterministic=True).hex(),
                version=trial.ruleset.version,
                manifest=source.manifest.SerializeToString(deterministic=True).hex(),
                module=module,
                files=[file.relative_to(source.folder).as_posix() for file in source.files],
            )
            return IsolatedSubmission(process, has)

        def isolated_parts(trial: TrialStarted) -> Experiment:
            experiment = parts(trial, load=load)
            submission = experiment.submission
            assert isinstance(submission, IsolatedSubmission)
            return submission.join(experiment, clock)

        yield isolated_parts
