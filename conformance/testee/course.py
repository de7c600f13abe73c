"""The course of a submission: its functions, called as the harness calls them, without a clock."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from conformance.arrays import Arrays, cast
from conformance.testee.backend import Backend
from harness import tuning
from harness.errors import UsageError
from harness.submission import Source
from inputs import pipeline
from spec import rng
from spec.initialization import initial_value
from spec.workload_pb2 import Workload

VERSION = "v0.6"  # whose rules hold
EVALUATIONS = 4  # in the course of a port check


class Keyed(Protocol):
    """Who knows the framework."""

    def key(self, words: np.ndarray) -> Any:
        """What the framework takes for a random key."""


class Course:
    """One submission on one workload, step by step."""

    def __init__(self, testee: Keyed, workload: Any, module: Any, point: Any, seed: int):
        self._testee, self._workload, self._module = testee, workload, module
        self._point, self._seed = point, seed

    def start(self, params: Any, model_state: Any) -> None:
        self.params, self.model_state = params, model_state
        key = self._key("init_optimizer_state", 0)
        self.optimizer = self._module.init_optimizer_state(
            self._workload, params, model_state, self._point, key
        )

    def step(self, number: int, queue: Iterator[Any]) -> None:
        key = self._key("update_params", number)
        batch = self._module.data_selection(
            self._workload,
            queue,
            self.optimizer,
            self.params,
            self.model_state,
            self._point,
            number,
            key,
        )
        self.optimizer, self.params, self.model_state = self._module.update_params(
            **self._arguments(number, key), batch=batch
        )

    def prepare_for_eval(self, number: int) -> None:
        """What the submission does before an evaluation after step `number`; nothing if it has no
        such function.
        """
        prepare = getattr(self._module, "prepare_for_eval", None)
        if prepare is not None:
            arguments = self._arguments(number, self._key("prepare_for_eval", number))
            self.optimizer, self.params, self.model_state = prepare(**arguments)

    def parameters(self) -> Arrays:
        return self._workload.export_model(self.params, self.model_state)[0]

    def _key(self, purpose: str, step: int) -> Any:
        return self._testee.key(rng.key_words(self._seed, purpose, step=step))

    def _arguments(self, number: int, key: Any) -> dict[str, Any]:
        return {
            "workload": self._workload,
            "current_param_container": self.params,
            "current_params_types": self._workload.model_params_types,
            "model_state": self.model_state,
            "hyperparameters": self._point,
            "loss_type": self._workload.loss_type,
            "optimizer_state": self.optimizer,
            "eval_results": [],
            "global_step": number,
            "rng": key,
        }


class PlacedBatches:
    """A workload's training batches on a framework's devices.

    Attributes:
      workload: the backend's object.
      start: canonical parameters to begin with.
      state: canonical batch statistics.
    """

    BATCH_SIZE = 16  # small, for two courses are compared and nothing is learnt

    def __init__(self, backend: Backend, message: Workload, seed: int, dtype: str):
        self._backend, self._seed, self._dtype = backend, seed, dtype
        self.workload = backend.open(message)
        first = {p.name: initial_value(p, seed) for p in self.workload.parameters}
        self.start, self.state = cast(first, dtype), cast(self.workload.initial_state, dtype)
        self._source = pipeline.open_source(message)

    def batch(self, step: int) -> Any:
        """The batch of a step, in the order of training."""
        batch = pipeline.train_batch(self._source, self._seed, self.BATCH_SIZE, slice(None), step)
        return self._backend.place(cast(batch, self._dtype))


class LossLogger:
    """Collects the loss a submission logs, as the framework's scalars."""

    def __init__(self) -> None:
        self.losses: list[Any] = []

    def append_scalar_metrics(self, metrics: dict[str, Any], global_step: int) -> None:
        self.losses.append(metrics["loss"])


def point_of(source: Source, trial: int, changes: Mapping[str, Any] | None = None) -> Any:
    """Point number `trial` (from 1) of a submission as an object, but for some hyperparameters; None
    for trial 0, the self-tuning ruleset's.
    """
    if trial == 0:
        return None
    path = source.search_space()
    if path is None:
        raise UsageError(f"submission {source.manifest.name} has no search space: give trial 0")
    point = tuning.read_points(path, trial, seed=0)[trial - 1]
    unknown = set(changes or {}) - set(point)
    if unknown:
        raise UsageError(f"no hyperparameter {', '.join(unknown)}. Valid: {', '.join(point)}")
    return tuning.as_object(point | dict(changes or {}))


def with_step_hint(workload: Workload, step_hint: int) -> Workload:
    """The workload with another step hint: schedules end there."""
    changed = Workload()
    changed.CopyFrom(workload)
    changed.rules[VERSION].step_hint = step_hint
    return changed
