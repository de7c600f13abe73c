"""Inverse roots of symmetric matrices in JAX, for methods that precondition with them."""

import jax
import numpy as np
from jax import numpy as jnp
from jax.sharding import Mesh, PartitionSpec


def inverse_roots(matrices, before, roots, epsilon, relative=False):
    """(A + e I)^(-1/p) of every matrix of a stack [N, d, d] with its p; `before` where that is
    not finite. `relative` says that e is epsilon times the largest eigenvalue and not epsilon. Every
    device computes its share of the stack.
    """
    devices = jax.devices()
    padding = -len(roots) % len(devices)
    padded = jnp.pad(matrices, ((0, padding), (0, 0), (0, 0)))
    exponents = jnp.asarray(-1 / np.pad(roots, (0, padding), constant_values=1), matrices.dtype)

    def share(matrices, exponents):
        # One matrix after the other: on few CPU cores a batch waits for its own threads for ever
        # (jax 0.10.2).
        values, vectors = jax.lax.map(jnp.linalg.eigh, matrices)
        values = values - jnp.minimum(values[:, :1], 0)  # ascending: the first is smallest
        values = values + epsilon * (values[:, -1:] if relative else 1)
        powers = values ** exponents[:, None]
        return (vectors * powers[:, None, :]) @ vectors.mT

    parts, whole = PartitionSpec("devices"), PartitionSpec()
    mesh = Mesh(np.array(devices), ("devices",))

    def gathered(*arrays):
        return jax.lax.all_gather(share(*arrays), "devices", tiled=True)

    spread = jax.shard_map(
        gathered, mesh=mesh, in_specs=(parts, parts), out_specs=whole, check_vma=False
    )
    new = spread(padded, exponents)[: len(roots)]
    return jnp.where(jnp.isfinite(new).all((1, 2), keepdims=True), new, before)
