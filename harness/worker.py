"""The side of an isolated trial that runs in the sandbox: the submission, and all that it may touch.

It has the model, the optimizer state and the training batches that it is sent; it does what it is
asked and answers (frames.py). `isolation.py` is the other side, which trusts no answer.
"""

import importlib
import socket
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.descriptor import MethodDescriptor

from harness import submission, tuning
from harness.backend import Backend, Batch, MakeBackend
from harness.errors import printable
from harness.experiment import InputQueue, check_structure
from harness.frames import Arrays, Channel
from harness.metrics_logger import MetricsLogger
from harness.submission import METHODS, Source, Submission
from harness.trial import is_out_of_memory
from inputs.pipeline import Prefetch
from spec.interface import TrainingCompleteError
from spec.submission_pb2 import SubmissionManifest
from spec.workload_pb2 import Workload

FOLDER = "/submission"  # where its files are seen inside
Answer = tuple[Any, Arrays]


class Worker:
    """Holds a trial's state. Each public method is a request; its arguments come by name."""

    def __init__(
        self,
        make_backend: MakeBackend,
        load: Callable[[Source], Submission],
        batches: Iterator[Batch],
    ):
        self.backend: Backend | None = None  # until there is one
        self._make_backend = make_backend
        self._load = load
        self._batches = batches
        self._scalars = MetricsLogger()
        self._known: dict[str, Any] = {}  # all that a submission's functions may be given, by name

    def load(self, workload: str, version: str, manifest: str, module: str, files: Any) -> Any:
        """Imports the submission and makes the backend; says what the submission has."""
        self._message = Workload.FromString(bytes.fromhex(workload))
        folder = Path(FOLDER)
        source = Source(
            manifest=SubmissionManifest.FromString(bytes.fromhex(manifest)),
            folder=folder,
            module=folder / module,
            files=tuple(folder / file for file in files),
        )
        self._parts = source.manifest.state
        self.backend = self._make_backend(self._message, version)
        self._submission = self._load(source)
        self._queue = InputQueue(self._batches, self.backend, 0)
        return {
            "takes_train_state": self._submission.takes_train_state,
            "has_prepare_for_eval": self._submission.prepare_for_eval is not None,
        }

    def batch_size(self, num_devices: int) -> int:
        return self._submission.batch_size(self._message, num_devices)

    def init_model(self, words: list[int]) -> None:
        backend = self._the_backend
        backend.workload.metrics_logger = self._scalars
        params, model_state = backend.workload.init_model_fn(self._rng(words))
        self._structure = backend.structure(params, model_state)
        self._known = {
            "workload": backend.workload,
            "current_params_types": backend.workload.model_params_types,
            "loss_type": backend.workload.loss_type,
            "input_queue": self._queue,
            "eval_results": [],
        }
        self._keep(None, params, model_state)

    def init_optimizer_state(self, point: dict[str, Any] | None, words: list[int]) -> None:
        self._known["hyperparameters"] = None if point is None else tuning.as_object(point)
        function = self._submission.init_optimizer_state
        state = function(*self._arguments("init_optimizer_state", words).values())
        self._keep(self._the_backend.commit(state), *self._model)

    def step(
        self,
        step: int,
        words: list[list[int]],
        evaluations: list[Any],
        train_state: dict[str, Any] | None,
    ) -> Any:
        """Takes a step and waits for the devices."""
        self._note(step, evaluations)
        if train_state is not None:
            self._known["train_state"] = types.MappingProxyType(train_state)
        selection, update = words
        select = self._submission.data_selection
        self._known["batch"] = select(*self._arguments("data_selection", selection).values())
        arguments = self._arguments("update_params", update)
        del self._known["batch"]
        is_complete = False
        try:
            self._keep(*self._submission.update_params(**arguments))
        except TrainingCompleteError:
            is_complete = True
        self._wait()
        return {"is_complete": is_complete, "num_taken": self._queue.num_taken}

    def prepare_for_eval(self, step: int, words: list[int], evaluations: list[Any]) -> None:
        self._note(step, evaluations)
        function = self._submission.prepare_for_eval
        assert function is not None
        self._keep(*function(**self._arguments("prepare_for_eval", words)))
        self._wait()

    def hand_over(self) -> Answer:
        """Parameters and batch statistics by canonical name."""
        check_structure(self._the_backend, *self._model, self._structure)
        params, statistics = self._the_backend.workload.export_model(*self._model)
        arrays = {f"params.{name}": array for name, array in params.items()}
        return None, arrays | {f"model_state.{name}": a for name, a in statistics.items()}

    def scalars(self) -> Any:
        """What was logged since the last call; a text in the place of what is no number."""
        return [
            [step, {name: _number(value) for name, value in metrics.items()}]
            for step, metrics in self._scalars.take()
        ]

    def save(self) -> Answer:
        held = (*self._model, self._known["optimizer_state"])
        arrays, state = self._the_backend.save(*held, self._parts)
        return state, arrays

    def restore(self, state: Any, arrays: Arrays) -> None:
        first = (*self._model, self._known["optimizer_state"])
        params, model_state, optimizer_state = self._the_backend.restore(
            arrays, state, *first, self._parts
        )
        self._keep(optimizer_state, params, model_state)

    @property
    def _the_backend(self) -> Backend:
        assert self.backend is not None
        return self.backend

    @property
    def _model(self) -> tuple[Any, Any]:
        return self._known["current_param_container"], self._known["model_state"]

    def _keep(self, optimizer_state: Any, params: Any, model_state: Any) -> None:
        self._known |= {
            "optimizer_state": optimizer_state,
            "model_params": params,
            "current_param_container": params,
            "model_state": model_state,
        }

    def _note(self, step: int, evaluations: list[Any]) -> None:
        self._known["global_step"] = step
        self._known["eval_results"] += [(number, metrics) for number, metrics in evaluations]

    def _wait(self) -> None:
        self._the_backend.synchronize(*self._model, self._known["optimizer_state"])

    def _rng(self, words: list[int]) -> Any:
        return self._the_backend.rng(np.array(words, np.uint32))

    def _arguments(self, name: str, words: list[int]) -> dict[str, Any]:
        """What a function of the submission is called with, in the order of its service."""
        known = self._known | {"rng": self._rng(words)}
        return {field: known[field] for field in _FIELDS[name] if field in known}


def _fields(method: MethodDescriptor) -> list[str]:
    return [field.name for field in method.input_type.fields]


_FIELDS = {method.name: _fields(method) for method in METHODS}


def _number(value: Any) -> float | str:
    """The value as a number; as a text what is none, which the other side reports."""
    try:
        return value if isinstance(value, str) else float(value)
    except Exception as error:  # a failed device raises its own kinds
        return printable(error)


def serve(worker: Worker, requests: Channel) -> None:
    """Answers until the other side is gone."""
    while True:
        try:
            (name, arguments), arrays = requests.receive()
        except (EOFError, OSError):
            return
        if arrays:
            arguments["arrays"] = arrays
        content, answered = _answer(worker, name, arguments)
        requests.send(content, answered)


def _answer(worker: Worker, name: str, arguments: Mapping[str, Any]) -> Answer:
    try:
        result = getattr(worker, name)(**arguments)
    except Exception as error:
        return {
            "is_out_of_memory": is_out_of_memory(error, worker.backend),
            "error": printable(error) or type(error).__name__,
            "traceback": printable("".join(traceback.format_exception(error))),
        }, {}
    content, arrays = result if isinstance(result, tuple) else (result, {})
    return {"result": content}, arrays


def batches_from(channel: Channel) -> Iterator[Batch]:
    """The batches that the other side sends, the next one read ahead."""

    def read(number: int) -> Batch:
        skeleton, arrays = channel.receive()
        return _filled(skeleton, list(arrays.values()))

    return Prefetch(read, 0, num_ahead=1)


def _filled(skeleton: Any, arrays: list[np.ndarray]) -> Any:
    """The batch whose arrays are given as their numbers, and its tuples as lists."""
    if isinstance(skeleton, dict):
        return {name: _filled(part, arrays) for name, part in skeleton.items()}
    if isinstance(skeleton, list):
        return tuple(_filled(part, arrays) for part in skeleton)
    return arrays[skeleton]


def main(
    make_backend: MakeBackend, load: Callable[[Source], Submission], descriptors: list[str]
) -> int:
    """Serves one trial. `descriptors` are those of the connections for requests and for batches."""
    requests, batches = (Channel(socket.socket(fileno=int(number))) for number in descriptors)
    serve(Worker(make_backend, load, batches_from(batches)), requests)
    return 0


if __name__ == "__main__":
    backend = importlib.import_module(f"backends.{sys.argv[1]}.run").Backend
    sys.exit(main(backend, submission.load, sys.argv[3:]))
