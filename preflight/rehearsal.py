"""Trials of a few steps on a tiny workload: the real loop of harness/training.py around a submission,
with a clock that always shows the same.
"""

import contextlib
import dataclasses
import itertools
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from harness import checkpoint, events, submission
from harness.backend import Backend, Batch, MakeBackend
from harness.checkpoint import Keeper
from harness.clock import Clock
from harness.errors import Interrupted
from harness.events import EventLog
from harness.interruption import Interruption
from harness.lock import RunLock
from harness.submission import Source
from harness.training import Experiment, Training
from inputs import pipeline
from preflight.watch import Watch
from spec import loading
from spec.event_pb2 import Event, TrialStarted
from spec.interface import ForwardPassMode
from spec.metrics import Direction, direction, metric_name
from spec.parameter_pb2 import Parameter
from spec.state_names import Parts
from spec.workload_pb2 import Workload

VERSION = "v0.6"
SEED = 20_240_607
NUM_STEPS = 4
STOP_AFTER = 2  # steps, where a trial is stopped that is then resumed

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass
class Record:
    """What a rehearsal left.

    Attributes:
      saved: by steps taken, what the last checkpoint after them held: arrays by name, and the
        submission's state as JSON.
      first_state_bytes: of the submission's state before the first step.
      early_passes: forward passes that were made in init_optimizer_state.
      early_change: the first array that init_optimizer_state changed; empty if none.
      late_change: the first array that evaluating or saving changed; empty if none.
      remarks: what the loop remarked, such as why there are no checkpoints.
    """

    saved: dict[int, tuple[Arrays, Any]] = dataclasses.field(default_factory=dict)
    first_state_bytes: int = 0
    early_passes: int = 0
    early_change: str = ""
    late_change: str = ""
    remarks: list[str] = dataclasses.field(default_factory=list)


class Facade:
    """A workload's object as the submission sees it, perhaps under other names.

    Compared and hashed by identity, as any workload.
    """

    def __init__(self, workload: Any, naming: Any = None):
        self._workload, self._naming = workload, naming
        self.num_passes = 0
        self.metrics_logger: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workload, name)

    @property
    def name(self) -> str:
        return "something" if self._naming else str(self._workload.name)

    @property
    def param_shapes(self) -> Any:
        return self._tree(self._workload.param_shapes)

    @property
    def model_params_types(self) -> Any:
        return self._tree(self._workload.model_params_types)

    @property
    def parameters(self) -> list[Parameter]:
        return self._listed(self._workload.parameters)

    @property
    def parameters_by_tensor(self) -> Any:
        """PyTorch's."""
        found = {name: self._listed(p) for name, p in self._workload.parameters_by_tensor.items()}
        return self._tree(found)

    def is_output_params(self, name: str) -> bool:
        old = self._naming.old_name(name) if self._naming else name
        return bool(self._workload.is_output_params(old))

    def init_model_fn(self, rng: Any) -> tuple[Any, Any]:
        params, model_state = self._workload.init_model_fn(rng)
        return self.renamed(params), model_state

    def model_fn(
        self,
        params: Any,
        augmented_and_preprocessed_input_batch: Any,
        model_state: Any,
        mode: ForwardPassMode,
        rng: Any,
        update_batch_norm: bool,
        dropout_rate: Any = None,
    ) -> tuple[Any, Any]:
        self.num_passes += 1
        batch = augmented_and_preprocessed_input_batch
        arguments = (batch, model_state, mode, rng, update_batch_norm, dropout_rate)
        found: tuple[Any, Any] = self._workload.model_fn(self.original(params), *arguments)
        self.renamed(params)
        return found

    def renamed(self, params: Any) -> Any:
        return self._naming.renamed(params) if self._naming else params

    def original(self, params: Any) -> Any:
        return self._naming.original(params) if self._naming else params

    def _listed(self, listed: list[Parameter]) -> list[Parameter]:
        if not self._naming:
            return listed
        copies = [Parameter() for _ in listed]
        for copy, parameter in zip(copies, listed, strict=True):
            copy.CopyFrom(parameter)
            copy.name = self._naming.new_name(parameter.name)
        return copies

    def _tree(self, tree: Any) -> Any:
        return self._naming.renamed_tree(tree) if self._naming else tree


class Stage:
    """One workload on one backend, on which one submission is rehearsed several times.

    Attributes:
      watch: calls of the submission's functions while others evaluated.
    """

    def __init__(
        self,
        source: Source,
        point: Any,
        workload: Workload,
        make_backend: MakeBackend,
        batch_size: int,
    ):
        """`point` are the hyperparameters as submissions see them."""
        self.watch = Watch(source.folder)
        self._source, self._point, self._batch_size = source, point, batch_size
        message = Workload()
        message.CopyFrom(workload)
        message.rules[VERSION].eval_period_sec = 0  # after every step
        self._trial = TrialStarted(
            workload=message,
            ruleset=loading.load_ruleset(VERSION, "external"),
            submission=source.manifest,
            seed=SEED,
            budget_sec=math.inf,
            step_limit=NUM_STEPS,
        )
        self._data = pipeline.open_source(workload)
        self._backend = make_backend(message, VERSION)
        self.workload = self._backend.workload
        self._facade = Facade(self._backend.workload)
        self._metrics = _poor_metrics(workload)

    def rehearse(self, folder: Path, stop_after: int = 0, naming: Any = None) -> Record:
        """Runs one trial, or goes on with the one that was stopped in the folder. The submission is
        loaded anew.

        What the submission raises passes, as harness/training.py says.

        Args:
          folder: for the trial's files.
          stop_after: steps after which somebody stops it; 0 for never.
          naming: other names for workload and parameters.
        """
        record = Record()
        clock = Clock(now=itertools.count(step=1_000_000).__next__)
        found, _ = checkpoint.read_all(folder, checkpoint.identity(self._trial))
        if found:
            clock = Clock(
                now=itertools.count(step=1_000_000).__next__, state=found[-1].content["clock"]
            )
        facade = Facade(self._backend.workload, naming) if naming else self._facade
        log = EventLog(folder / events.FILE, clock)
        log.observers.append(lambda event: _note_remark(record, event))
        with closing(log), closing(RunLock(folder)) as lock:
            training = Training(
                self._trial,
                clock,
                log,
                _StopAfter(stop_after, clock),
                _Recorder(record, folder, self._trial, lock, found),
            )
            backend = _StageBackend(self._backend, facade, record, self.watch, self._metrics)
            code = _load_anew(self._source)
            code.init_optimizer_state = _observed(code.init_optimizer_state, backend)
            try:
                training.run(
                    Experiment(backend, code, self._point, self._train_batches, lambda split: [])
                )
            except Interrupted:
                assert stop_after
        return record

    def _train_batches(self, start: int) -> Iterator[Batch]:
        for step in itertools.count(start):
            yield pipeline.train_batch(self._data, SEED, self._batch_size, slice(None), step)


class _StageBackend:
    """A backend that undoes other names, and sees whether somebody who looks at the parameters, as
    evaluations do, starts the submission's code or changes anything. It does not evaluate.
    """

    def __init__(
        self,
        backend: Backend,
        facade: Facade,
        record: Record,
        watch: Watch,
        metrics: Mapping[str, float],
    ):
        self.workload = facade
        self._backend, self._record, self._watch, self._metrics = backend, record, watch, metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def structure(self, params: Any, model_state: Any) -> Mapping[str, str]:
        with self._watch.watching():
            found = self._backend.structure(self.workload.original(params), model_state)
        self.workload.renamed(params)
        return found

    def evaluate(self, params: Any, model_state: Any, *others: Any) -> Mapping[str, float]:
        with self._watch.watching():
            self.values(params, model_state)
        return self._metrics

    def save(
        self, params: Any, model_state: Any, optimizer_state: Any, parts: Parts = ()
    ) -> tuple[Any, Any]:
        trees = (self.workload.original(params), model_state, optimizer_state, parts)
        arrays, state = self._backend.save(*trees)
        self._note_late(arrays, self._backend.save(*trees)[0])
        self.workload.renamed(params)
        return arrays, state

    def values(self, params: Any, model_state: Any) -> Arrays:
        """Parameters and model state alone."""
        found, _ = self._backend.save(self.workload.original(params), model_state, None)
        self.workload.renamed(params)
        return found

    def _note_late(self, before: Arrays, after: Arrays) -> None:
        self._record.late_change = self._record.late_change or first_difference(before, after)


class _Recorder(Keeper):
    """Keeps checkpoints as a run does, and notes what is in them."""

    def __init__(self, record: Record, *arguments: Any):
        super().__init__(*arguments)
        self._record = record

    def save(self, step: int, event: int, content: Mapping[str, Any], arrays: Arrays) -> Path:
        self._record.saved[step] = (arrays, content["state"])
        return super().save(step, event, content, arrays)


class _StopAfter(Interruption):
    """Somebody who stops a trial after a number of steps; 0 for nobody."""

    def __init__(self, num_steps: int, clock: Clock):
        super().__init__()
        self._num_steps, self._clock = num_steps, clock

    def check(self) -> None:
        if self._num_steps and self._clock.step >= self._num_steps:
            raise Interrupted("stopped by the rehearsal")


def first_difference(expected: Arrays, found: Arrays) -> str:
    """The name of the first array that is not the same to the bit; empty when all are. NaN equals
    NaN.
    """
    for name in [*expected, *found]:
        a, b = expected.get(name), found.get(name)
        if a is None or b is None or a.dtype != b.dtype or a.shape != b.shape:
            return name
        if a.tobytes() != b.tobytes():
            return name
    return ""


def state_bytes(arrays: Arrays) -> int:
    """Bytes of the submission's state among a checkpoint's arrays."""
    return sum(a.nbytes for name, a in arrays.items() if name.startswith("optimizer_state"))


def _load_anew(source: Source) -> submission.Submission:
    """The submission, its own modules executed again, so that what they kept is gone."""
    package = submission.package_name(source)
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]
    return submission.load(source)


def _poor_metrics(workload: Workload) -> Mapping[str, float]:
    """Far from every target."""
    is_high = direction(workload.target_metric) is Direction.MINIMIZE
    return {"loss": 1e9, metric_name(workload.target_metric): 1e9 if is_high else 0.0}


def _observed(init_optimizer_state: Any, backend: _StageBackend) -> Any:
    """The function, which notes passes that it makes and parameters that it changes."""

    def call(workload: Any, params: Any, model_state: Any, *others: Any) -> Any:
        record, facade = backend._record, backend.workload
        passes, before = facade.num_passes, backend.values(params, model_state)
        state = init_optimizer_state(workload, params, model_state, *others)
        with contextlib.suppress(Exception):  # training says so when it saves
            record.first_state_bytes = state_bytes(backend.save(params, model_state, state)[0])
        record.early_passes += facade.num_passes - passes
        record.early_change = first_difference(before, backend.values(params, model_state))
        return state

    return call


def _note_remark(record: Record, event: Event) -> None:
    if event.HasField("remark"):
        record.remarks.append(event.remark.message)
