"""What JAX and flax no longer do as they did when submissions were published."""

import functools
from typing import Any

import jax
from flax import jax_utils
from jax import numpy as jnp

DEVICE_AXIS = "batch"  # what published submissions call it in `jax.pmap`


def install() -> None:
    """Gives JAX names back that it has removed, in this process.

    `jax_utils.replicate` gets the name of the axis that steps are mapped over: with another one, JAX
    would compile a step a second time when its own results come back.
    """
    jax_utils.replicate = functools.partial(jax_utils.replicate, axis_name=DEVICE_AXIS)
    removed = {
        jax: {
            "tree_flatten": jax.tree.flatten,
            "tree_leaves": jax.tree.leaves,
            "tree_map": jax.tree.map,
            "tree_multimap": jax.tree.map,
            "tree_reduce": jax.tree.reduce,
            "tree_structure": jax.tree.structure,
            "tree_transpose": jax.tree.transpose,
            "tree_unflatten": jax.tree.unflatten,
        },
        jax.tree_util: {"tree_multimap": jax.tree.map},
        jax.random: {"KeyArray": jax.Array},
        jnp: {"DeviceArray": jax.Array},
    }
    for module, names in removed.items():
        for name, value in names.items():
            if not hasattr(module, name):
                setattr(module, name, value)
    jnp.clip = clip


_clip = jnp.clip


def clip(arr: Any = None, /, min: Any = None, max: Any = None, **former: Any) -> Any:
    """`jnp.clip`, which once called its arguments `a`, `a_min` and `a_max`."""
    names = {"a": arr, "a_min": min, "a_max": max}
    if unknown := former.keys() - names.keys():
        raise TypeError(f"clip() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    arr, min, max = (names | former).values()
    return _clip(arr, min, max)
