"""Names that parameters have in the official implementations.

One module per model family, named as the field in spec/models.proto, with two functions that yield
pairs of a canonical name and an official one, of modules or of single arrays:

* `jax_names(config)`: official paths. Canonical arrays are laid out as in JAX, so that names are
  all there is to translate.
* `pytorch_names(config)`: names in `named_parameters` and `named_buffers`. Layouts are those of
  spec/layouts.py. Canonical arrays with one official name stand in one tensor, one behind another
  in the order of their pairs; a canonical array with several official names is cut into as many
  tensors. An official name `a + b` is of two tensors whose sum counts.

Pairs may name what a variant of the family does not have. `spec/official/arrays.py` translates
arrays by them.
"""

import importlib
from collections.abc import Iterable
from typing import Any

from spec.models_pb2 import Model

STATISTICS = {"mean", "var"}  # last parts of names that are model state
# What an array of a module is called in PyTorch where its pair names the module alone.
PYTORCH_LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "embedding": "weight",
    "mean": "running_mean",
    "var": "running_var",
}


def jax_paths(model: Model, names: Iterable[str]) -> dict[str, str]:
    """The official flattened path of every canonical name of a parameter or a batch statistic, for
    example `blocks.0.conv1.kernel` -> `ResNetBlock_0/Conv_0/kernel`; those of statistics begin with
    `batch_stats/`.
    """
    module, config = _family(model)
    known = dict(module.jax_names(config))
    return {name: _path(known, name) for name in names}


def _path(known: dict[str, str], name: str) -> str:
    if name in known:
        return known[name]
    owner, _, leaf = name.rpartition(".")
    return f"batch_stats/{known[owner]}/{leaf}" if leaf in STATISTICS else f"{known[owner]}/{leaf}"


def pytorch_tensors(model: Model, names: Iterable[str]) -> dict[tuple[str, ...], list[str]]:
    """The canonical names behind official PyTorch tensors: as a rule one behind one; several behind
    one that holds them all, in the order in which they stand there; one behind the several that it
    is cut into. For example `("encoder.net.0.layer_norm0.weight",): ["blocks.0.layernorm1.scale"]`.
    """
    module, config = _family(model)
    known: dict[str, list[str]] = {}
    for ours, official in module.pytorch_names(config):
        known.setdefault(ours, []).append(official)
    places = {ours: place for place, ours in enumerate(known)}

    def entry(name: str) -> str:
        return name if name in known else name.rpartition(".")[0]

    tensors: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(names, key=lambda name: places[entry(name)]):
        leaf = name.rpartition(".")[2]
        suffix = "" if name in known else f".{PYTORCH_LEAVES.get(leaf, leaf)}"
        key = tuple(official + suffix for official in known[entry(name)])
        tensors.setdefault(key, []).append(name)
    return tensors


def _family(model: Model) -> tuple[Any, Any]:
    """The module with the family's names, and its message."""
    family = str(model.WhichOneof("family"))
    return importlib.import_module(f"spec.official.{family}"), getattr(model, family)
