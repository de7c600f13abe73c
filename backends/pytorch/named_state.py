"""A submission's state as arrays by the names of its manifest (spec/state_names.py), and back.

The state is a dict. A part is what stands under a key that the manifest names: in the dict itself, in
a dict within it, in the state that an optimizer keeps for each of its tensors or under a key, or in
its groups. The other entries of groups are hyperparameters and not looked at.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from backends.pytorch.workload import Workload, as_array
from spec.layouts import stacked, unstacked
from spec.parameter_pb2 import Parameter
from spec.state_names import (
    PREFIX,
    Parts,
    full_name,
    own_form,
    parts_by_own_name,
    shared_form,
)
from spec.submission_pb2 import Framework, StatePart

Arrays = dict[str, np.ndarray]


class _Place(NamedTuple):
    """`holder[key]`, and where it is written down: under `name`, or under `name.<parameter>` for the
    parameters that stand in it one behind the other, if it belongs to any.
    """

    name: str
    parameters: list[Parameter]
    holder: Any
    key: Any


def save(workload: Workload, params: nn.Module, optimizer_state: Any, parts: Parts) -> Arrays:
    """Raises a TypeError for what the manifest does not name, and a ValueError for a shared number of
    which there are several.
    """
    arrays: Arrays = {}
    for name, parameters, holder, key in _Walk(workload, params, parts).of(optimizer_state):
        if parameters:
            held = zip(parameters, _held(holder[key], len(parameters)), strict=True)
            new = {full_name(name, [p.name]): shared_form(p, x, in_torch=True) for p, x in held}
        else:
            new = {name: _as_array(holder[key])}
        for full, array in new.items():
            if not np.array_equal(arrays.setdefault(PREFIX + full, array), array, equal_nan=True):
                raise ValueError(f"{full} is {array}, and elsewhere {arrays[PREFIX + full]}")
    return arrays


def restore(
    workload: Workload,
    arrays: Mapping[str, np.ndarray],
    params: nn.Module,
    optimizer_state: Any,
    parts: Parts,
) -> Any:
    """The given first state with the arrays in it.

    Raises:
      ValueError: an array is missing, or nothing takes it.
    """
    places = list(_Walk(workload, params, parts).of(optimizer_state))
    left = {name for name in arrays if name.startswith(PREFIX)}
    for name, parameters, holder, key in places:
        names = [PREFIX + full_name(name, [p.name]) for p in parameters] or [PREFIX + name]
        if missing := set(names) - arrays.keys():
            raise ValueError(f"{min(missing)} is not in the checkpoint")
        left.difference_update(names)
        if parameters:
            firsts = zip(parameters, _held(holder[key], len(parameters)), names, strict=True)
            held = [own_form(p, arrays[full], True, x.shape) for p, x, full in firsts]
        else:
            held = [arrays[names[0]]]
        if isinstance(holder[key], list):
            holder[key] = [_like(x, new) for x, new in zip(holder[key], held, strict=True)]
        else:
            holder[key] = _like(holder[key], stacked(held))
    if left:
        raise ValueError(f"{min(left)} is in the checkpoint and not in the state")
    return optimizer_state


class _Walk:
    """Finds the places of all parts."""

    def __init__(self, workload: Workload, params: nn.Module, parts: Parts):
        self._own = parts_by_own_name(parts, Framework.PYTORCH)
        self._by_tensor = workload.parameters_by_tensor
        self._parameters = {p.name: p for p in workload.parameters}
        self._names = {p: name for name, p in params.named_parameters()}

    def of(self, state: Any, path: str = "optimizer_state") -> Iterator[_Place]:
        for key, value in state.items():
            where = f"{path}[{key!r}]"
            if isinstance(value, torch.optim.Optimizer):
                yield from self._of_optimizer(value, where)
            elif key in self._own:
                for part in self._own[key]:
                    yield from self._of_part(part.name, state, key)
            elif isinstance(value, dict):
                yield from self.of(value, where)
            else:
                raise TypeError(f"{where} is not among the `state` that the manifest names")

    def _of_optimizer(self, optimizer: torch.optim.Optimizer, path: str) -> Iterator[_Place]:
        for group in optimizer.param_groups:
            for key in group.keys() & self._own.keys():
                for part in self._own[key]:
                    yield _Place(part.name, [], group, key)
        for tensor, entries in optimizer.state.items():
            if not isinstance(tensor, Tensor):
                yield from self.of(entries, path)
                continue
            for key in entries:
                if key not in self._own:
                    where = f"{path}.state[{self._names[tensor]}][{key!r}]"
                    raise TypeError(f"{where} is not among the `state` that the manifest names")
                for part in self._own[key]:
                    yield _Place(part.name, self._of_tensor(part, tensor), entries, key)

    def _of_tensor(self, part: StatePart, tensor: Tensor) -> list[Parameter]:
        return [] if part.shared else self._by_tensor[self._names[tensor]]

    def _of_part(self, name: str, holder: Any, key: Any) -> Iterator[_Place]:
        """Of a value that may be a dict or a list; a dict's keys may name tensors or parameters."""
        value = holder[key]
        if not isinstance(value, dict | list):
            yield _Place(name, [], holder, key)
            return
        for inner in value if isinstance(value, dict) else range(len(value)):
            if inner in self._by_tensor:
                yield _Place(name, self._by_tensor[inner], value, inner)
            elif inner in self._parameters:
                yield _Place(name, [self._parameters[inner]], value, inner)
            else:
                yield from self._of_part(full_name(name, [inner]), value, inner)


def _held(value: Any, count: int) -> list[np.ndarray]:
    """The arrays of the parameters that stand in a value, or of the list that it is."""
    return (
        [as_array(x) for x in value]
        if isinstance(value, list)
        else unstacked(as_array(value), count)
    )


def _as_array(value: Any) -> np.ndarray:
    return as_array(value) if isinstance(value, Tensor) else np.asarray(value)


@torch.no_grad()
def _like(first: Any, array: np.ndarray) -> Any:
    """The array as what the first value is, in its memory where it fits."""
    if not isinstance(first, Tensor):
        return type(first)(array.item())
    host = torch.from_numpy(np.array(array))
    if first.shape == host.shape:
        return first.copy_(host)
    return host.to(first.device, first.dtype)
