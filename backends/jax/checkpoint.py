"""Writing training's state down as numpy arrays and JSON, and back, to the bit.

Where the manifest names the parts of the submission's state, they are written under these names
(named_state.py). Otherwise the state is a pytree whose arrays are told by their key paths. Other leaves
may be numbers, strings, and functions, which have to be the same in the state that the submission
makes anew; what a function remembers is not looked at.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from backends.jax import named_state, placement
from backends.jax.workload import Tree, Workload
from spec.state_names import Parts

Arrays = dict[str, np.ndarray]

# Other types, such as bfloat16, are written as the bytes they are.
_NUMPY_TYPES = frozenset(
    f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)
) | {"bool"}


def save(
    workload: Workload, params: Tree, model_state: Tree, optimizer_state: Any, parts: Parts = ()
) -> tuple[Arrays, Any]:
    """Arrays by name, and what JSON can hold.

    Raises:
      TypeError: the optimizer state holds something else than arrays, numbers, strings and functions,
        or something that is not among the parts, where there are any.
    """
    weights, statistics = workload.export_model(params, model_state)
    arrays = {f"params.{name}": array for name, array in weights.items()}
    arrays |= {f"model_state.{name}": array for name, array in statistics.items()}
    if parts:
        return arrays | named_state.save(workload, optimizer_state, parts), {}
    leaves = {}
    for name, leaf in _named_leaves(optimizer_state):
        leaves[name] = _save_leaf(name, leaf, arrays)
    return arrays, {"optimizer_state": leaves}


def restore(
    workload: Workload,
    arrays: Mapping[str, np.ndarray],
    state: Any,
    params: Tree,
    model_state: Tree,
    optimizer_state: Any,
    parts: Parts = (),
) -> tuple[Tree, Tree, Any]:
    """(params, model_state, optimizer_state) as `save` found them, built like the given first ones. Of
    a checkpoint without an optimizer state, which was converted, the first one stays.

    Raises:
      ValueError: the first optimizer state has other parts.
    """
    params, model_state = workload.import_model(
        _without_prefix("params.", arrays), _without_prefix("model_state.", arrays)
    )
    if parts:
        state = named_state.restore(workload, arrays, optimizer_state, parts)
        return params, model_state, placement.commit(state)
    if "optimizer_state" not in state:
        return params, model_state, optimizer_state
    saved, fresh = state["optimizer_state"], _named_leaves(optimizer_state)
    if other := saved.keys() ^ {name for name, _ in fresh}:
        raise ValueError(
            f"{min(other)} is not in the state both at its start and when it was saved"
        )
    leaves = [_restore_leaf(name, saved[name], arrays, leaf) for name, leaf in fresh]
    treedef = jax.tree.structure(optimizer_state)
    return params, model_state, placement.commit(jax.tree.unflatten(treedef, leaves))


def _without_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _named_leaves(optimizer_state: Any) -> list[tuple[str, Any]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(optimizer_state)
    return [(f"optimizer_state{jax.tree_util.keystr(path)}", leaf) for path, leaf in leaves]


def _save_leaf(name: str, leaf: Any, arrays: Arrays) -> Any:
    if type(leaf) in (bool, int, float, str):
        return {"value": leaf}
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        arrays[name] = np.asarray(jax.random.key_data(leaf))
        return {"key": str(jax.random.key_impl(leaf))}
    if isinstance(leaf, jax.Array | np.ndarray | np.generic):
        array = np.asarray(leaf)
        known = array.dtype.name in _NUMPY_TYPES
        arrays[name] = array if known else np.frombuffer(array.tobytes(), np.uint8)
        is_weak = isinstance(leaf, jax.Array) and leaf.weak_type
        return {
            "array": "jax" if isinstance(leaf, jax.Array) else type(leaf).__name__,
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "is_weak": is_weak,
        }
    if callable(leaf) and (function := _function_name(leaf)):
        return {"function": function}
    raise TypeError(f"{name} is a {type(leaf).__name__}")


def _restore_leaf(name: str, saved: Any, arrays: Mapping[str, np.ndarray], fresh: Any) -> Any:
    if "value" in saved:
        return saved["value"]
    if "function" in saved:
        if not callable(fresh) or _function_name(fresh) != saved["function"]:
            raise ValueError(f"{name} is another function than {saved['function']}")
        return fresh
    if "key" in saved:
        return jax.random.wrap_key_data(jnp.asarray(arrays[name]), impl=saved["key"])
    dtype = jnp.dtype(saved["dtype"])
    array = np.frombuffer(arrays[name].tobytes(), dtype).reshape(saved["shape"])
    if saved["array"] == "ndarray":
        return array.copy()
    if saved["array"] != "jax":
        return array[()]
    if saved["is_weak"]:  # as what JAX makes of Python's numbers; it promotes differently
        weak = jnp.broadcast_to(jnp.asarray(dtype.type(0).item()), array.shape)
        return weak.at[...].set(array)
    sharding = fresh.sharding if isinstance(fresh, jax.Array) else None
    return placement.place_like(array, sharding)


def _function_name(function: Any) -> str:
    """Where a function was defined; empty if it cannot be told, as of an object that is called."""
    if isinstance(function, functools.partial):
        return _function_name(function.func)
    name = getattr(function, "__qualname__", "")
    return f"{function.__module__}.{name}" if name else ""
