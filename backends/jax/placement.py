"""Devices: arithmetic switches, where arrays live, random keys, barriers."""

import os
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spec.workload_pb2 import Precision

MATMUL_PRECISIONS = {Precision.IEEE_FLOAT32: "highest", Precision.TF32: "tensorfloat32"}


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


def place_batch(batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """Puts a global batch on the devices, split along the first axis, which their number must
    divide.
    """
    return _put(batch, get_batch_dim_sharding())


def place_replicated(tree: Any) -> Any:
    return _put(tree, get_replicate_sharding())


def rng(words: np.ndarray) -> jax.Array:
    """A raw threefry key, uint32[2], as `jax.random` functions take it."""
    return _put(words, get_replicate_sharding())


def _put(tree: Any, sharding: NamedSharding) -> Any:
    # On a single device arrays stay uncommitted, like those a submission makes itself. Committed
    # ones would mix with these in a step's arguments, and JAX would compile the step a second time
    # when its own, all committed, results come back.
    return jax.device_put(tree, None if jax.device_count() == 1 else sharding)


def synchronize(*trees: Any) -> None:
    """Waits until everything enqueued for these arrays is complete."""
    jax.block_until_ready(trees)


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def accelerators() -> list[str]:
    """Names of the devices in use; empty on a CPU."""
    return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
