"""Runs one trial on JAX: `bazel run //backends/jax:run -- --help`."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from backends.jax import checkpoint, placement
from backends.jax.workload import Workload
from harness import command
from harness.backend import Batch
from spec import parameters
from spec.command_line import end
from spec.state_names import Parts
from spec.workload_pb2 import Workload as Message


class Backend:
    """What the harness asks of a backend (harness/backend.py)."""

    def __init__(self, message: Message, version: str):
        self.workload = Workload(message, version)
        self._evaluator = Workload(message, version)  # out of the submission's reach
        self.num_devices = jax.device_count()

    def rng(self, words: np.ndarray) -> Any:
        return placement.rng(words)

    def place(self, batch: Batch) -> Any:
        return placement.place_batch(batch)

    def commit(self, optimizer_state: Any) -> Any:
        return placement.commit(optimizer_state)

    def synchronize(self, *results: Any) -> None:
        placement.synchronize(*results)

    def reference_step(self, previous: Any) -> Any:
        return placement.reference_step(previous)

    def evaluate(
        self, params: Any, model_state: Any, rng: Any, batches: Iterable[Batch]
    ) -> Mapping[str, float]:
        return self._evaluator.evaluate(params, model_state, rng, batches)

    def structure(self, params: Any, model_state: Any) -> Mapping[str, str]:
        arrays = parameters.flatten({"params": params, "model_state": model_state})
        for name, array in arrays.items():
            if isinstance(array, jax.Array) and array.is_deleted():
                raise ValueError(f"{name} was donated to a computation and is gone")
        return {name: f"{array.dtype}{list(array.shape)}" for name, array in arrays.items()}

    def save(
        self, params: Any, model_state: Any, optimizer_state: Any, parts: Parts = ()
    ) -> tuple[dict[str, np.ndarray], Any]:
        return checkpoint.save(self.workload, params, model_state, optimizer_state, parts)

    def restore(
        self,
        arrays: Mapping[str, np.ndarray],
        state: Any,
        params: Any,
        model_state: Any,
        optimizer_state: Any,
        parts: Parts = (),
    ) -> tuple[Any, Any, Any]:
        first = (params, model_state, optimizer_state)
        return checkpoint.restore(self.workload, arrays, state, *first, parts)

    def is_out_of_memory(self, error: BaseException) -> bool:
        return placement.is_out_of_memory(error)

    def number_of_parameters(self) -> int:
        return sum(math.prod(p.shape) for p in self.workload.parameters)

    def accelerators(self) -> list[str]:
        return placement.accelerators()


def main(argv: Sequence[str]) -> int:
    return command.main(argv, "jax", Backend, meet=placement.meet)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
