"""Arrays by name: what testees answer with."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from inputs.pipeline import named_arrays
from spec.parameter_pb2 import EMBEDDING, Parameter

Arrays = dict[str, np.ndarray]


def nonzero_rows(gradients: Arrays, parameters: Iterable[Parameter]) -> Arrays:
    """`gradient/<name>`, and for embeddings `gradient_rows/<name>`: a table of embeddings can take
    gigabytes, and a batch touches few of its rows.
    """
    found = dict(gradients)
    rows = {}
    for parameter in parameters:
        if parameter.type == EMBEDDING:
            name = parameter.name
            rows[name] = np.flatnonzero(gradients[name].any(axis=-1))
            found[name] = gradients[name][rows[name]]
    return named("gradient", found) | named("gradient_rows", rows)


def cast(arrays: Any, dtype: type[np.floating] | str) -> Any:
    """An array, or a dictionary or tuple of them, with every floating one in `dtype`."""
    if isinstance(arrays, dict):
        return {name: cast(part, dtype) for name, part in arrays.items()}
    if isinstance(arrays, tuple):
        return tuple(cast(part, dtype) for part in arrays)
    return arrays.astype(dtype, copy=False) if arrays.dtype.kind == "f" else arrays


def named(prefix: str, arrays: dict[str, Any]) -> Arrays:
    """Arrays with the prefix before their names; the parts of a tuple are numbered."""
    return {f"{prefix}/{name}": array for name, array in named_arrays(arrays).items()}


def stacked(rows: Sequence[Arrays]) -> Arrays:
    """Arrays by name, those of all rows along a new first axis."""
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
