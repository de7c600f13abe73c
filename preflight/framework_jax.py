"""What a rehearsal has to know of JAX."""

import tempfile
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from backends.jax.run import Backend
from backends.jax.workload import Tree, Workload
from spec import parameters
from spec.workload_pb2 import Workload as Message

__all__ = ["Backend", "Naming", "prepare", "state_bytes"]


def prepare() -> None:
    """Keeps compiled programs while the process lasts: most are needed several times."""
    folder = tempfile.TemporaryDirectory(prefix="preflight-")
    _kept.append(folder)
    jax.config.update("jax_disable_most_optimizations", True)
    jax.config.update("jax_compilation_cache_dir", folder.name)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


_kept: list[Any] = []


def state_bytes(message: Message, init: Callable[[Any, Any, Any], Any]) -> int:
    """Bytes of what `init(workload, params, model_state)` returns, from shapes alone."""
    workload = Workload(message, next(iter(message.rules)))

    def arrays(params: Tree, model_state: Tree) -> list[Any]:
        leaves = jax.tree.leaves(init(workload, params, model_state))
        return [leaf for leaf in leaves if isinstance(leaf, jax.Array)]

    shapes = {p.name: jax.ShapeDtypeStruct(tuple(p.shape), np.float32) for p in workload.parameters}
    state = {
        name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in workload.initial_state.items()
    }
    statistics = {"batch_stats": parameters.unflatten(state)} if state else {}
    found = jax.eval_shape(arrays, parameters.unflatten(shapes), statistics)
    return sum(array.size * array.dtype.itemsize for array in found)


class Naming:
    """Other names for a workload's parameters. They sort as the old ones, so that trees keep their
    order.
    """

    def __init__(self, workload: Workload):
        self._old = workload.param_shapes
        old = parameters.unflatten({name: name for name in parameters.flatten(self._old)})
        self._old_names = parameters.flatten(self.renamed_tree(old))
        self._new_names = {old: new for new, old in self._old_names.items()}

    def new_name(self, name: str) -> str:
        return self._new_names[name]

    def old_name(self, name: str) -> str:
        return str(self._old_names.get(name, name))

    def renamed_tree(self, tree: Tree) -> Tree:
        """The same tree under new names."""
        return {
            f"n{number:04}": self.renamed_tree(part) if isinstance(part, dict) else part
            for number, (_, part) in enumerate(sorted(tree.items()))
        }

    renamed = renamed_tree

    def original(self, params: Tree) -> Tree:
        """Undoes `renamed`."""
        return _under(self._old, params)


def _under(names: Any, tree: Any) -> Any:
    if not isinstance(names, dict):
        return tree
    pairs = zip(sorted(names.items()), sorted(tree.items()), strict=True)
    return {old: _under(inner, part) for (old, inner), (_, part) in pairs}
