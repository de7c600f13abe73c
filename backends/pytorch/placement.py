"""Devices: arithmetic switches, where tensors live, random keys, barriers."""

from typing import Any

import numpy as np
import torch

from spec.workload_pb2 import Precision

MATMUL_PRECISIONS = {Precision.IEEE_FLOAT32: "highest", Precision.TF32: "high"}


def configure(precision: Precision) -> None:
    """Sets the process-wide switches that the workload asks for."""
    tf32 = precision.matmul == Precision.TF32
    torch.set_float32_matmul_precision(MATMUL_PRECISIONS[precision.matmul])
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = not precision.deterministic
    torch.use_deterministic_algorithms(precision.deterministic)


def device() -> torch.device:
    return (
        torch.device("cuda", torch.cuda.current_device())
        if torch.cuda.is_available()
        else torch.device("cpu")
    )


def place_batch(batch: dict[str, Any]) -> dict[str, Any]:
    """Puts a batch of numpy arrays, or tuples of them, on the device."""
    return {name: _placed(value) for name, value in batch.items()}


def _placed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_placed, value))
    return torch.from_numpy(value).to(device())


def rng(words: np.ndarray) -> np.ndarray:
    """PyTorch has no keys: a submission sees the two numbers themselves, uint32[2]."""
    return words


def synchronize(*trees: Any) -> None:
    """Waits until everything enqueued on the device is complete."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "out of memory" in str(error)


def accelerators() -> list[str]:
    """Names of the devices in use; empty on a CPU."""
    return [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
