"""Canonical arrays in the form of the official implementations, and back, to the bit.

Parameters and batch statistics alone: what an optimizer keeps is a submission's own.
"""

import dataclasses
import fnmatch
from collections.abc import Mapping, Sequence

import numpy as np

from spec import official
from spec.layouts import stacked, to_canonical, to_torch_layout, torch_shape, unstacked
from spec.loading import SpecError
from spec.models_pb2 import Model
from spec.parameter_pb2 import BATCH_NORM_SCALE, Parameter

FORMATS = ("jax", "pytorch")
FLOAT32 = "F32"  # as safetensors writes it
# Official PyTorch tensors that are no parameters or statistics of their own: fixed tables, a counter
# that nothing reads, and an output layer that is the embedding.
WITHOUT_COUNTERPART = (
    "*.num_batches_tracked",
    "preprocessor.*",
    "subsample.*.paddings_kernel",
    "subsample.pos_encode.inv_timescales",
    "conformers.*.conv.bn.dim",
    "pos_encoder.pe",
    "freqs_cis",
    "lm_head.weight",
)

Arrays = Mapping[str, np.ndarray]
Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Tensors:
    """Official arrays that hold the same canonical ones.

    Attributes:
      names: of the arrays that the whole is cut into along the first axis.
      second: of arrays like them that are added to them; empty but for two biases of one map.
      shape: of each.
      parts: the canonical arrays whose whole it is, one behind another along the first axis.
    """

    names: tuple[str, ...]
    second: tuple[str, ...]
    shape: Shape
    parts: tuple[Parameter, ...]


def with_statistics(parameters: Sequence[Parameter]) -> list[Parameter]:
    """The parameters and, after them, the running mean and variance of every batch norm."""
    scales = [p for p in parameters if p.type == BATCH_NORM_SCALE]
    statistics = [
        Parameter(name=f"{p.name.rpartition('.')[0]}.{leaf}", shape=p.shape)
        for p in scales
        for leaf in ("mean", "var")
    ]
    return [*parameters, *statistics]


def official_tensors(model: Model, parameters: Sequence[Parameter], form: str) -> list[Tensors]:
    """How the parameters and statistics of a model stand in the official arrays of a form, `jax` or
    `pytorch`.

    Raises:
      SpecError: an array cannot be cut into as many parts as officially.
    """
    by_name = {p.name: p for p in with_statistics(parameters)}
    if form == "jax":
        paths = official.jax_paths(model, by_name)
        return [
            Tensors((path,), (), _jax_shape(path, by_name[name]), (_as_is(by_name[name]),))
            for name, path in paths.items()
        ]
    return [
        _torch_tensors(names, tuple(by_name[part] for part in parts))
        for names, parts in official.pytorch_tensors(model, by_name).items()
    ]


def _torch_tensors(names: tuple[str, ...], parts: tuple[Parameter, ...]) -> Tensors:
    first, second = zip(*(name.partition(" + ")[::2] for name in names), strict=True)
    shape = torch_shape(*parts)
    if len(names) > 1:
        rows, *rest = shape
        if rows % len(names):
            raise SpecError(
                f"{parts[0].name} has {rows} rows, expected a multiple of {len(names)}: the official "
                "PyTorch implementation cuts it into as many tensors"
            )
        shape = (rows // len(names), *rest)
    return Tensors(first, tuple(filter(None, second)), shape, parts)


def _as_is(parameter: Parameter) -> Parameter:
    return Parameter(name=parameter.name, shape=parameter.shape)


def _jax_shape(path: str, parameter: Parameter) -> Shape:
    if path.endswith("attn_out_proj/kernel"):  # the language model joins its heads before
        return parameter.fan_in, parameter.fan_out
    return tuple(parameter.shape)


def to_official(held: Sequence[Tensors], arrays: Arrays) -> dict[str, np.ndarray]:
    """Official arrays from canonical ones. Second biases are 0."""
    result: dict[str, np.ndarray] = {}
    for tensors in held:
        whole = stacked([to_torch_layout(part, arrays[part.name]) for part in tensors.parts])
        for name, piece in zip(tensors.names, unstacked(whole, len(tensors.names)), strict=True):
            result[name] = piece.reshape(tensors.shape)
        for name in tensors.second:
            result[name] = np.zeros(tensors.shape, np.float32)
    return result


def from_official(held: Sequence[Tensors], arrays: Arrays) -> dict[str, np.ndarray]:
    """The inverse of `to_official`. Second biases are added to the first, in float32, where they are
    not all 0; axes of length 1 may be more or fewer.
    """
    result: dict[str, np.ndarray] = {}
    for tensors in held:
        whole = stacked([arrays[name].reshape(tensors.shape) for name in tensors.names])
        for name in tensors.second:
            if arrays[name].any():  # a sum with 0 would lose the sign of -0
                whole = whole + arrays[name].reshape(tensors.shape)
        for part, piece in zip(tensors.parts, unstacked(whole, len(tensors.parts)), strict=True):
            result[part.name] = to_canonical(part, piece)
    return result


def shapes(held: Sequence[Tensors]) -> dict[str, Shape]:
    """Of all official arrays, by name."""
    return {name: tensors.shape for tensors in held for name in (*tensors.names, *tensors.second)}


def check(expected: Mapping[str, Shape], found: Mapping[str, tuple[Shape, str]]) -> None:
    """Holds a file's arrays, as pairs of shape and type, against the shapes that should be there.
    Axes of length 1 do not count, and neither do tensors without counterpart.

    Raises:
      SpecError: arrays are missing, unknown, of another shape or not float32; lists all.
    """
    lines = [f"{name} is missing" for name in expected if name not in found]
    for name, (shape, kind) in found.items():
        if name not in expected:
            if not has_no_counterpart(name):
                lines.append(f"{name} is unknown")
        elif _without_ones(shape) != _without_ones(expected[name]):
            lines.append(f"{name} has shape {list(shape)}, expected {list(expected[name])}")
        elif kind != FLOAT32:
            lines.append(f"{name} is of type {kind}, expected {FLOAT32}")
    if lines:
        raise SpecError("; ".join(lines))


def has_no_counterpart(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in WITHOUT_COUNTERPART)


def _without_ones(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)
