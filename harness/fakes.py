"""A backend of no framework, for tests and benchmarks. Time only passes when somebody spends it."""

import dataclasses
import itertools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from harness.backend import Batch
from spec.ruleset_pb2 import Ruleset
from spec.state_names import Parts
from spec.timing_pb2 import Segment, TimingProtocol
from spec.workload_pb2 import Metric, MetricFamily, Rules, Splits, Workload

SECOND = 1_000_000_000  # nanoseconds

WORKLOAD = Workload(
    name="fake",
    title="Nothing at all",
    metrics=MetricFamily.CLICK,
    target_metric=Metric.LOSS,
    splits=Splits(train=8, eval_train=4, validation=5, test=6),
    eval_batch_size=4,
    rules={
        "v0.6": Rules(
            validation_target=0.5,
            test_target=0.6,
            max_runtime_sec=100,
            eval_period_sec=30,
            step_hint=50,
        )
    },
)
RULESET = Ruleset(
    version="v0.6",
    budget_factor=1,
    num_studies=1,
    trials_per_study=5,
    timing=TimingProtocol(
        timed=[Segment.STEP, Segment.PREPARE_FOR_EVAL],
        first_evaluation_step=1,
        wait_for_test_target=True,
    ),
)


@dataclasses.dataclass
class Machine:
    """A host with a device: the device's time passes when somebody waits for it."""

    time: int = 0
    pending: int = 0

    def now(self) -> int:
        return self.time

    def compute(self, nanoseconds: int) -> None:
        self.time += nanoseconds

    def enqueue(self, nanoseconds: int) -> None:
        self.pending += nanoseconds

    def synchronize(self, *results: object) -> None:
        self.time += self.pending
        self.pending = 0


class DeviceOutOfMemoryError(RuntimeError):
    """The fake framework's own error."""


class FakeBackend:
    """Parameters are {"weight": float32[2]}; metrics are read from a script.

    Attributes:
      script: (validation loss, test loss) of each evaluation; the last one repeats.
      evaluation_sec: what evaluating one split takes.
    """

    num_devices = 2

    def __init__(
        self,
        machine: Machine,
        script: Iterable[tuple[float, float]] = ((1.0, 1.0),),
        evaluation_sec: float = 0,
    ):
        self.machine = machine
        self.script = list(script)
        self.evaluation_sec = evaluation_sec
        self.num_evaluations = 0
        self.workload: Any = types.SimpleNamespace(
            model_params_types={"weight": 0},
            loss_type=0,
            metrics_logger=None,
            init_model_fn=lambda rng: ({"weight": np.zeros(2, np.float32)}, None),
            parameters=[types.SimpleNamespace(name="weight", shape=[2])],
            initial_state={},
            import_model=lambda params, state: (params, None),
            export_model=lambda params, model_state: (params, {}),
        )

    def rng(self, words: np.ndarray) -> np.ndarray:
        return words

    def place(self, batch: Batch) -> Batch:
        return batch

    def commit(self, optimizer_state: Any) -> Any:
        return optimizer_state

    def synchronize(self, *results: Any) -> None:
        self.machine.synchronize()

    def reference_step(self, previous: Any) -> Any:
        return previous

    def evaluate(
        self, params: Any, model_state: Any, rng: Any, batches: Iterable[Batch]
    ) -> Mapping[str, float]:
        for batch in batches:
            self.split = batch["split"]
        self.machine.enqueue(int(self.evaluation_sec * SECOND))
        validation, test = self.script[min(self.num_evaluations, len(self.script) - 1)]
        if self.split == "test":
            self.num_evaluations += 1
        return {"loss": {"validation": validation, "test": test}.get(str(self.split), 0.25)}

    def structure(self, params: Any, model_state: Any) -> Mapping[str, str]:
        return {name: f"{value.dtype}{list(value.shape)}" for name, value in params.items()}

    def save(
        self, params: Any, model_state: Any, optimizer_state: Any, parts: Parts = ()
    ) -> tuple[dict[str, np.ndarray], Any]:
        return dict(params), optimizer_state

    def restore(
        self,
        arrays: Mapping[str, np.ndarray],
        state: Any,
        params: Any,
        model_state: Any,
        optimizer_state: Any,
        parts: Parts = (),
    ) -> tuple[Any, Any, Any]:
        return dict(arrays), model_state, state

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, DeviceOutOfMemoryError)

    def number_of_parameters(self) -> int:
        return 2

    def accelerators(self) -> list[str]:
        return ["fake device"] * self.num_devices


def train_batches(start: int) -> Iterator[Batch]:
    """Each batch has its number as its targets."""
    for number in itertools.count(start):
        yield {"inputs": np.zeros((4, 1)), "targets": np.full(4, number)}


def eval_batches(split: str) -> Iterable[Batch]:
    return [{"split": np.array(split)}] * 2


def functions(machine: Machine, step_sec: float = 1.0) -> dict[str, Callable[..., Any]]:
    """A submission that subtracts 1 from the weights in `step_sec` seconds of device time."""

    def get_batch_size(workload_name: str) -> int:
        return 4

    def init_optimizer_state(*arguments: Any) -> Any:
        return {"count": 0}

    def data_selection(workload: Any, input_queue: Any, *others: Any) -> Any:
        return next(input_queue)

    def update_params(
        *, current_param_container: Any, model_state: Any, optimizer_state: Any, **others: Any
    ) -> Any:
        machine.enqueue(int(step_sec * SECOND))
        params = {name: value - 1 for name, value in current_param_container.items()}
        return {"count": optimizer_state["count"] + 1}, params, model_state

    return {
        f.__name__: f for f in (get_batch_size, init_optimizer_state, data_selection, update_params)
    }
