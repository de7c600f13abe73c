"""Devices: arithmetic switches, where arrays live, random keys, barriers."""

import dataclasses
import functools
import os
from typing import Any

import jax
import numpy as np
from jax._src import distributed
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spec.workload_pb2 import Precision

# On a CPU a computation then ends before its call returns, so that the barrier after every step has
# nothing to wait for and nothing to look through: see `synchronize`. JAX reads this when the first
# device is asked for, so it stands here and not in a function.
jax.config.update("jax_cpu_enable_async_dispatch", False)

MEETING_SEC = 300  # until all processes must be there
REFERENCE_SIZE = 1024  # rows and columns: 2 billion operations a product
MATMUL_PRECISIONS = {Precision.IEEE_FLOAT32: "highest", Precision.TF32: "tensorfloat32"}


@dataclasses.dataclass(frozen=True)
class Meeting:
    """What the harness asks of processes that run a trial together (harness/ranks.py)."""

    index: int
    count: int
    host: str

    def put(self, key: str, value: str) -> None:
        _client().key_value_set(key, value)

    def get(self, key: str) -> str:
        return _client().blocking_key_value_get(key, MEETING_SEC * 1000)


def meet() -> Meeting | None:
    """Joins the processes of a trial where the environment says that there are several:
    `JAX_COORDINATOR_ADDRESS`, and where no scheduler that JAX knows says more, `JAX_NUM_PROCESSES` and
    `JAX_PROCESS_ID`.
    """
    if not (address := os.environ.get("JAX_COORDINATOR_ADDRESS")):
        return None
    count, index = (os.environ.get(f"JAX_{name}") for name in ("NUM_PROCESSES", "PROCESS_ID"))
    jax.distributed.initialize(
        num_processes=int(count) if count else None,
        process_id=int(index) if index else None,
        initialization_timeout=MEETING_SEC,
    )
    state = distributed.global_state
    if state.num_processes == 1:
        return None
    return Meeting(state.process_id, state.num_processes, address.rpartition(":")[0].strip("[]"))


def _client() -> Any:
    """JAX keeps no values for its users; this is what its own checkpoint library takes."""
    return distributed.global_state.client


def configure(precision: Precision) -> None:
    """Sets the process-wide switches that the workload asks for. Called before anything is
    computed.
    """
    flag = (
        "--xla_gpu_deterministic_ops=true"  # XLA reads its flags when the first device is asked for
    )
    if precision.deterministic and flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
    jax.config.update("jax_default_matmul_precision", MATMUL_PRECISIONS[precision.matmul])
    jax.config.update("jax_default_prng_impl", "threefry2x32")
    jax.config.update("jax_threefry_partitionable", True)


def get_replicate_sharding() -> NamedSharding:
    """Every device holds the whole array."""
    return NamedSharding(_mesh(), PartitionSpec())


def get_batch_dim_sharding() -> NamedSharding:
    """Each device holds a run of rows along the first axis."""
    return NamedSharding(_mesh(), PartitionSpec("batch"))


def _mesh() -> Mesh:
    return Mesh(np.array(jax.devices()), ("batch",))


def place_batch(batch: dict[str, Any]) -> dict[str, Any]:
    """Puts this process's rows of a global batch, numpy arrays or tuples or dictionaries of them, on its
    devices: together with those of the other processes they are global arrays, split along the first
    axis, which the number of devices must divide.
    """
    if jax.process_count() == 1:
        return _put(batch, get_batch_dim_sharding())
    to_global = functools.partial(jax.make_array_from_process_local_data, get_batch_dim_sharding())
    return jax.tree.map(to_global, batch)


def place_replicated(tree: Any) -> Any:
    return _put(tree, get_replicate_sharding())


def place_like(array: np.ndarray, sharding: Any) -> jax.Array:
    """An array where another one is, whose sharding is given; None for wherever JAX likes."""
    return _put(array, sharding)


def fetch(tree: Any) -> Any:
    """The tree with numpy arrays in the place of those on devices, also where parts of these are on
    other machines.
    """

    def whole(leaf: Any) -> Any:
        is_here = not isinstance(leaf, jax.Array) or leaf.is_fully_replicated
        return leaf if is_here else _replicate()(leaf)

    return jax.device_get(jax.tree.map(whole, tree) if jax.process_count() > 1 else tree)


@functools.cache
def _replicate() -> Any:
    return jax.jit(lambda array: array, out_shardings=get_replicate_sharding())


def commit(tree: Any) -> Any:
    """The tree with those arrays on all devices that JAX was free to put anywhere. The parameters stand
    there. A step that is given arrays of both kinds gives back none that is free, so that the next step
    would be compiled anew.
    """
    sharding = get_replicate_sharding()

    def place(leaf: Any) -> Any:
        is_free = isinstance(leaf, jax.Array) and not leaf.committed
        return jax.device_put(leaf, sharding) if is_free else leaf

    return tree if jax.device_count() == 1 else jax.tree.map(place, tree)


def rng(words: np.ndarray) -> np.ndarray:
    """A raw threefry key, uint32[2]: `jax.random` functions take it as it is, and a step that is
    compiled moves it along with its other arguments. Placing it here would cost 0.3 ms a call.
    """
    return words


def _put(tree: Any, sharding: NamedSharding) -> Any:
    # On a single device arrays stay uncommitted, like those a submission makes itself. Committed
    # ones would mix with these in a step's arguments, and JAX would compile the step a second time
    # when its own, all committed, results come back.
    return jax.device_put(tree, None if jax.device_count() == 1 else sharding)


def synchronize(*trees: Any) -> None:
    """Waits until everything enqueued for these arrays is complete.

    A single CPU device computes synchronously (see above); looking at every array of a model and its
    optimizer there would cost more than the rest of the harness.
    """
    if jax.device_count() > 1 or jax.default_backend() != "cpu":
        jax.block_until_ready(trees)


def reference_step(previous: jax.Array | None) -> jax.Array:
    """A product of matrices of REFERENCE_SIZE rows, whose rows add up to 1, so that it gives what it is given;
    without that, the matrix.
    """
    if previous is None:
        shape = (REFERENCE_SIZE, REFERENCE_SIZE)
        mesh = Mesh(np.array(jax.local_devices()), ("batch",))
        matrix = np.full(shape, 1 / REFERENCE_SIZE, np.float32)
        return _put(matrix, NamedSharding(mesh, PartitionSpec()))
    return previous @ previous


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the host had no memory left."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)


def accelerators() -> list[str]:
    """Names of this process's devices; empty on a CPU."""
    return [device.device_kind for device in jax.local_devices() if device.platform != "cpu"]
