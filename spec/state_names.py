"""How a submission's state is written down under names that both frameworks share.

A manifest's `state` lists the parts (spec/submission.proto). An array of a part is called
`<part>.<parameter>` where it belongs to one parameter, `<part>.<number>.<parameter>` where the part is
a list of such, and otherwise by whatever keys lead to it. What is shaped as its parameter is in
canonical layout; what is not, such as one number a row, is flat.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from spec.layouts import to_canonical, to_torch_layout, torch_shape
from spec.parameter_pb2 import Parameter
from spec.submission_pb2 import Framework, StatePart

PREFIX = "optimizer_state."  # before the names in a checkpoint
Parts = Sequence[StatePart]


def parts_by_own_name(parts: Parts, framework: Framework) -> dict[str, list[StatePart]]:
    """The parts by what a side calls them; JAX may keep in two places what PyTorch keeps in one."""
    result: dict[str, list[StatePart]] = {}
    for part in parts:
        own = part.jax if framework == Framework.JAX else part.pytorch
        result.setdefault(own or part.name, []).append(part)
    return result


def parameter_of(keys: str, parameters: Mapping[str, Parameter]) -> Parameter | None:
    """The parameter that an array belongs to, from what follows its part's name."""
    return parameters.get(keys) or parameters.get(keys.partition(".")[2])


def full_name(part: str, keys: Iterable[object]) -> str:
    return ".".join([part, *map(str, keys)])


def shared_form(parameter: Parameter | None, array: np.ndarray, in_torch: bool) -> np.ndarray:
    """The array as it is written down. `in_torch` says that it is held in PyTorch's layout."""
    if parameter is None:
        return array
    if array.shape == (torch_shape(parameter) if in_torch else tuple(parameter.shape)):
        return to_canonical(parameter, array) if in_torch else array
    return array.reshape(-1)


def own_form(
    parameter: Parameter | None, array: np.ndarray, in_torch: bool, shape: Sequence[int]
) -> np.ndarray:
    """The inverse of `shared_form`. `shape` is that of the first value in its place, which may be a
    placeholder of another size.
    """
    if parameter is not None and in_torch and array.shape == tuple(parameter.shape):
        array = to_torch_layout(parameter, array)
    return array.reshape(shape) if array.size == math.prod(shape) else array
