"""The PyTorch backend's timings."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from backends.pytorch import memory, placement
from backends.pytorch.workload import Workload
from conformance.hardware.speed import Arrays, Speed
from conformance.testee.course import VERSION
from spec.interface import ForwardPassMode
from spec.workload_pb2 import Workload as Message


def open_speed() -> Speed:
    return PyTorchSpeed()


class OperationCounter(TorchDispatchMode):
    """Counts operations that compute or copy: each is a kernel's launch or a few."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.count += not function.is_view
        return function(*args, **(kwargs or {}))


class PyTorchSpeed(Speed):
    framework = "pytorch"

    def workload(self, message: Message) -> Workload:
        return Workload(message, VERSION)

    def place(self, batch: Arrays) -> Any:
        return placement.place_batch(batch)

    def key(self, words: np.ndarray) -> Any:
        return placement.rng(words)

    def wait(self, *trees: Any) -> None:
        placement.synchronize(*trees)

    def passes(self, workload: Workload, batch: Any, key: Any) -> dict[str, Callable[..., Any]]:
        def loss(params: nn.Module, state: None, mode: ForwardPassMode) -> Tensor:
            train = mode == ForwardPassMode.TRAIN
            logits, _ = workload.model_fn(params, batch, state, mode, key, train)
            found = workload.loss_fn(batch["targets"], logits, batch["weights"])
            return found["summed"] / found["n_valid_examples"]

        def without_gradient(mode: ForwardPassMode) -> Callable[..., Tensor]:
            return torch.no_grad()(lambda params, state: loss(params, state, mode))

        def forward_backward(params: nn.Module, state: None) -> None:
            params.zero_grad(set_to_none=True)
            loss(params, state, ForwardPassMode.TRAIN).backward()

        return {
            "forward": without_gradient(ForwardPassMode.TRAIN),
            "forward_backward": forward_backward,
            "evaluation": without_gradient(ForwardPassMode.EVAL),
        }

    def flops(self) -> Arrays:
        """`flops` of products of matrices and convolutions in a forward and backward pass."""
        # A compiled model has kernels of its own, which the counter does not know.
        with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
            self._operations["forward_backward"]()
        return {"flops": np.array(counter.get_total_flops())}

    def matrix_product(self, size: int, bfloat16: bool) -> Callable[[], Any]:
        kind = torch.bfloat16 if bfloat16 else torch.float32
        matrix = torch.ones((size, size), dtype=kind, device=placement.device())
        return lambda: matrix @ matrix

    def device_peak_bytes(self) -> int | None:
        return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None

    def costs(self, workload: str, batch_size: int) -> Arrays:
        """`flops` of products of matrices and convolutions in a step, the number of `operations` that
        it asks the device for, views not counted, and `kept_bytes`, what a forward pass keeps for the
        backward pass.
        """
        self.prepare(workload, batch_size)
        with (
            memory.kept_for_backward(self._course.params) as kept,
            FlopCounterMode(display=False) as flops,
            OperationCounter() as counter,
        ):
            self.step()
        found = {
            "flops": flops.get_total_flops(),
            "operations": counter.count,
            "kept_bytes": memory.kept_bytes(kept),
        }
        return {name: np.array(value, np.float64) for name, value in found.items()}

    def is_out_of_memory(self, error: BaseException) -> bool:
        return placement.is_out_of_memory(error)
