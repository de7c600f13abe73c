"""A submission's state as arrays by the names of its manifest (spec/state_names.py), and back.

The state is a pytree. A part is what stands under the first named tuple's field or dict's key that
the manifest names; what else there is may only be functions.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import numpy as jnp

from backends.jax import placement
from backends.jax.workload import Workload
from spec.parameter_pb2 import Parameter
from spec.state_names import (
    PREFIX,
    Parts,
    full_name,
    own_form,
    parameter_of,
    parts_by_own_name,
    shared_form,
)
from spec.submission_pb2 import Framework

Arrays = dict[str, np.ndarray]


class _Place(NamedTuple):
    """A leaf of the state and where it is written down."""

    names: list[str]  # none for a function
    parameter: Parameter | None
    in_torch: bool
    leaf: Any


def save(workload: Workload, optimizer_state: Any, parts: Parts) -> Arrays:
    """Raises a TypeError for what the manifest does not name."""
    arrays = {}
    for place in _places(workload, optimizer_state, parts):
        for name in place.names:
            held = _as_array(place.leaf)
            arrays[PREFIX + name] = shared_form(place.parameter, held, place.in_torch)
    return arrays


def restore(
    workload: Workload, arrays: Mapping[str, np.ndarray], optimizer_state: Any, parts: Parts
) -> Any:
    """The state with the arrays in it, built like the given first one.

    Raises:
      ValueError: an array is missing, or nothing takes it.
    """
    places = _places(workload, optimizer_state, parts)
    taken = {PREFIX + name for place in places for name in place.names}
    if other := taken ^ {name for name in arrays if name.startswith(PREFIX)}:
        raise ValueError(f"{min(other)} is not both in the checkpoint and in the state")
    leaves = []
    for names, parameter, in_torch, leaf in places:
        if names:
            array = arrays[PREFIX + names[-1]]
            leaf = _like(leaf, own_form(parameter, array, in_torch, np.shape(leaf)))
        leaves.append(leaf)
    return jax.tree.unflatten(jax.tree.structure(optimizer_state), leaves)


def _places(workload: Workload, optimizer_state: Any, parts: Parts) -> list[_Place]:
    """One for each leaf, in their order."""
    own = parts_by_own_name(parts, Framework.JAX)
    parameters = {p.name: p for p in workload.parameters}
    places = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(optimizer_state)[0]:
        keys = [_key(entry) for entry in path]
        start = next((i for i, key in enumerate(keys) if key in own), None)
        if start is not None:
            rest = keys[start + 1 :]
            names = [full_name(part.name, rest) for part in own[keys[start]]]
            parameter = parameter_of(".".join(map(str, rest)), parameters)
            in_torch = own[keys[start]][0].pytorch_layout
            places.append(_Place(names, parameter, in_torch, leaf))
        elif callable(leaf):
            places.append(_Place([], None, False, leaf))
        else:
            where = f"optimizer_state{jax.tree_util.keystr(path)}"
            raise TypeError(f"{where} is not among the `state` that the manifest names")
    return places


def _key(entry: Any) -> Any:
    """What a step of a path is called."""
    return next(getattr(entry, name) for name in ("name", "key", "idx") if hasattr(entry, name))


def _as_array(leaf: Any) -> np.ndarray:
    """numpy has no bfloat16; it becomes float32."""
    is_short = isinstance(leaf, jax.Array) and leaf.dtype == jnp.bfloat16
    return np.asarray(placement.fetch(leaf.astype(jnp.float32) if is_short else leaf))


def _like(leaf: Any, array: np.ndarray) -> Any:
    if isinstance(leaf, jax.Array):
        return placement.place_like(array.astype(leaf.dtype), leaf.sharding)
    return type(leaf)(array.item())
