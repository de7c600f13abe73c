"""Devices: arithmetic switches, where tensors live, random keys, barriers."""

from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map

from spec.workload_pb2 import Precision

REFERENCE_SIZE = 1024  # rows and columns: 2 billion operations a product
MATMUL_PRECISIONS = {Precision.IEEE_FLOAT32: "highest", Precision.TF32: "high"}


def configure(precision: Precision) -> None:
    """Sets the process-wide switches that the workload asks for."""
    tf32 = precision.matmul == Precision.TF32
    torch.set_float32_matmul_precision(MATMUL_PRECISIONS[precision.matmul])
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = not precision.deterministic
    torch.use_deterministic_algorithms(precision.deterministic)
    # Filling new memory would find reads before writes, at the cost of every operation.
    torch.utils.deterministic.fill_uninitialized_memory = False


def device() -> torch.device:
    return (
        torch.device("cuda", torch.cuda.current_device())
        if torch.cuda.is_available()
        else torch.device("cpu")
    )


def place_batch(batch: dict[str, Any]) -> dict[str, Any]:
    """Puts a batch of numpy arrays, or of tuples or dictionaries of them, on the device."""
    return tree_map(lambda array: torch.from_numpy(array).to(device()), batch)


def rng(words: np.ndarray) -> np.ndarray:
    """PyTorch has no keys: a submission sees the two numbers themselves, uint32[2]."""
    return words


def synchronize(*trees: Any) -> None:
    """Waits until everything enqueued on the device is complete."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def reference_step(previous: torch.Tensor | None) -> torch.Tensor:
    """A product of matrices of REFERENCE_SIZE rows, whose rows add up to 1, so that it gives what it is given;
    without that, the matrix.
    """
    if previous is None:
        shape = (REFERENCE_SIZE, REFERENCE_SIZE)
        return torch.full(shape, 1 / REFERENCE_SIZE, device=device())
    return previous @ previous


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the host had no memory left. PyTorch's allocator on the host, and parts of
    CUDA, say so only in a RuntimeError's text.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    texts = ("can't allocate memory", "CUDA error: out of memory")
    return type(error) is RuntimeError and any(text in str(error) for text in texts)


def accelerators() -> list[str]:
    """Names of the devices in use; empty on a CPU."""
    return [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
