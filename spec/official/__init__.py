"""Names that parameters have in the official JAX implementation.

One module per model family, named as the field in spec/models.proto, with a function
`jax_names(config)` that yields pairs of a canonical name and the official path, of modules or of
single arrays. Canonical arrays are laid out as in JAX, so that names are all there is to translate.
"""

import importlib
from collections.abc import Iterable

from spec.models_pb2 import Model

STATISTICS = {"mean", "var"}  # last parts of names that are model state


def jax_paths(model: Model, names: Iterable[str]) -> dict[str, str]:
    """The official flattened path of every canonical name of a parameter or a batch statistic, for
    example `blocks.0.conv1.kernel` -> `ResNetBlock_0/Conv_0/kernel`; those of statistics begin with
    `batch_stats/`.
    """
    family = model.WhichOneof("family")
    module = importlib.import_module(f"spec.official.{family}")
    known = dict(module.jax_names(getattr(model, family)))
    return {name: _path(known, name) for name in names}


def _path(known: dict[str, str], name: str) -> str:
    if name in known:
        return known[name]
    owner, _, leaf = name.rpartition(".")
    return f"batch_stats/{known[owner]}/{leaf}" if leaf in STATISTICS else f"{known[owner]}/{leaf}"
