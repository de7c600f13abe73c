"""Devices: arithmetic switches, where tensors live, random keys, barriers."""

import atexit
import dataclasses
import datetime
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed
from torch.utils._pytree import tree_map

from spec.workload_pb2 import Precision

REFERENCE_SIZE = 1024  # rows and columns: 2 billion operations a product
# A collective that waits longer has failed. The harness, which hears of ranks that fail, ends sooner.
COLLECTIVE_TIMEOUT = datetime.timedelta(minutes=10)
MATMUL_PRECISIONS = {Precision.IEEE_FLOAT32: "highest", Precision.TF32: "high"}


def configure(precision: Precision) -> None:
    """Sets the process-wide switches that the workload asks for, and that the device does."""
    if not torch.cuda.is_available():
        # torch.compile does nothing then, of models and in submissions. On a CPU it would take
        # minutes, and needs a C++ compiler.
        os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    tf32 = precision.matmul == Precision.TF32
    torch.set_float32_matmul_precision(MATMUL_PRECISIONS[precision.matmul])
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = not precision.deterministic
    torch.use_deterministic_algorithms(precision.deterministic)
    if precision.deterministic:  # cuBLAS reads it at its first product
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Filling new memory would find reads before writes, at the cost of every operation.
    torch.utils.deterministic.fill_uninitialized_memory = False


@dataclasses.dataclass(frozen=True)
class Meeting:
    """What the harness asks of processes that run a trial together (harness/ranks.py)."""

    index: int
    count: int
    host: str
    store: distributed.Store

    def put(self, key: str, value: str) -> None:
        self.store.set(key, value)

    def get(self, key: str) -> str:
        return self.store.get(key).decode()


def meet() -> Meeting | None:
    """Joins the processes that `torchrun` started, each with a GPU of its own where there are any; None
    where it started one or none.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        if (number := torch.cuda.device_count()) > 1:
            print(f"note: one of {number} GPUs is used; docs/devices.md says how to use all")
        return None
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # When another rank fails NCCL gives up, but leaves this process to the harness, which records
        # the outcome first.
        os.environ.setdefault("TORCH_NCCL_ASYNC_ERROR_HANDLING", "2")
    store, index, count = next(distributed.rendezvous("env://", timeout=COLLECTIVE_TIMEOUT))
    distributed.init_process_group(
        "nccl" if torch.cuda.is_available() else "gloo",
        timeout=COLLECTIVE_TIMEOUT,
        store=distributed.PrefixStore("collectives", store),
        rank=index,
        world_size=count,
    )
    atexit.register(distributed.destroy_process_group)
    return Meeting(index, count, os.environ["MASTER_ADDR"], store)


def num_ranks() -> int:
    """Processes that run the trial together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this one, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


class SumOverRanks(torch.autograd.Function):
    """The sum of a tensor over ranks, on each of them. Its derivative is that of the sum of what all
    ranks compute from it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        result = x.clone()
        distributed.all_reduce(result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return SumOverRanks.forward(ctx, gradient)


def every_rank_s(batches: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What each rank has of every batch, those of rank 0 first; arrays have the same shape everywhere."""
    if num_ranks() == 1:
        return list(batches)
    gathered: list[list[Mapping[str, Any]]] = [[] for _ in range(num_ranks())]
    for batch in batches:
        arrays = {name: _of_every_rank(np.asarray(batch[name])) for name in sorted(batch)}
        for number, found in enumerate(gathered):
            found.append({name: every[number] for name, every in arrays.items()})
    return [batch for found in gathered for batch in found]


def _of_every_rank(array: np.ndarray) -> list[np.ndarray]:
    mine = torch.from_numpy(array.reshape(-1)).to(device())
    every = [torch.empty_like(mine) for _ in range(num_ranks())]
    distributed.all_gather(every, mine)
    return [one.cpu().numpy().reshape(array.shape) for one in every]


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
