"""Runs one trial on PyTorch: `bazel run //backends/pytorch:run -- --help`."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from backends.pytorch import checkpoint, placement
from backends.pytorch.workload import Workload
from harness import command
from harness.backend import Batch
from spec.command_line import end
from spec.state_names import Parts
from spec.workload_pb2 import Workload as Message


class Backend:
    """What the harness asks of a backend (harness/backend.py)."""

    def __init__(self, message: Message, version: str):
        self.workload = Workload(message, version)
        self._evaluator = Workload(message, version)  # out of the submission's reach
        self.num_devices = placement.num_ranks()

    def rng(self, words: np.ndarray) -> Any:
        return placement.rng(words)

    def place(self, batch: Batch) -> Any:
        return placement.place_batch(batch)

    def commit(self, optimizer_state: Any) -> Any:
        return optimizer_state

    def synchronize(self, *results: Any) -> None:
        placement.synchronize(*results)

    def reference_step(self, previous: Any) -> Any:
        return placement.reference_step(previous)

    def evaluate(
        self, params: Any, model_state: Any, rng: Any, batches: Iterable[Batch]
    ) -> Mapping[str, float]:
        model = self._evaluator.with_own_modules(params)
        return self._evaluator.evaluate(model, model_state, rng, batches)

    def structure(self, params: Any, model_state: Any) -> Mapping[str, str]:
        if model_state is not None:
            raise ValueError("the model state is None in PyTorch: the module holds it")
        tensors = {f"params.{name}": tensor for name, tensor in params.named_parameters()}
        tensors |= {f"model_state.{name}": buffer for name, buffer in params.named_buffers()}
        return {name: f"{t.dtype}{list(t.shape)} on {t.device}" for name, t in tensors.items()}

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
    return command.main(argv, "pytorch", Backend, meet=placement.meet)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
