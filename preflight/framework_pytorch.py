"""What a rehearsal has to know of PyTorch."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from backends.pytorch.run import Backend
from backends.pytorch.workload import Workload
from spec.workload_pb2 import Workload as Message

__all__ = ["Backend", "Naming", "prepare", "state_bytes"]


def prepare() -> None:
    """Models this small lose by more threads."""
    torch.set_num_threads(1)


def state_bytes(message: Message, init: Callable[[Any, Any, Any], Any]) -> int:
    """Bytes of what `init(workload, model, None)` returns, from shapes alone."""
    workload = Workload(message, next(iter(message.rules)))
    model = workload.abstract_model()
    own = {id(tensor) for tensor in [*model.parameters(), *model.buffers()]}
    with torch.device("meta"):
        found = {id(tensor): tensor for tensor in _tensors(init(workload, model, None))}
    return sum(tensor.nbytes for key, tensor in found.items() if key not in own)


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    """As backends/pytorch/checkpoint.py finds them."""
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for part in state.values() if isinstance(state, dict) else state:
            yield from _tensors(part)
    elif hasattr(state, "state_dict"):
        yield from _tensors(state.state_dict())


class Naming:
    """Other names for a workload's parameters and modules, in the order of the old ones."""

    def __init__(self, workload: Workload):
        names = [name for name, _ in workload.abstract_model().named_parameters()]
        self._new_names = {name: f"n{number:04}" for number, name in enumerate(names)}
        self._canonical = {p.name: f"p{number:04}" for number, p in enumerate(workload.parameters)}
        self._old_names = {new: old for old, new in self._new_names.items()}

    def old_name(self, name: str) -> str:
        return self._old_names.get(name, name)

    def renamed_tree(self, tree: dict[str, Any]) -> dict[str, Any]:
        return {self._new_names[name]: part for name, part in tree.items()}

    def new_name(self, name: str) -> str:
        """For the name of a parameter in the specification."""
        return self._canonical[name]

    def renamed(self, params: nn.Module) -> nn.Module:
        """The module itself, which goes by another class and lists its parts under other names."""
        params.__class__ = _renamed_class(type(params))
        return params

    def original(self, params: nn.Module) -> nn.Module:
        """Undoes `renamed`."""
        if type(params).__name__ == _RENAMED:
            params.__class__ = type(params).__bases__[0]
        return params


_RENAMED = "Renamed"


def _renamed_class(old: type[nn.Module]) -> type[nn.Module]:
    def named_parameters(self: Any, *how: Any, **more: Any) -> Iterator[tuple[str, nn.Parameter]]:
        found = old.named_parameters(self, *how, **more)
        yield from ((f"n{number:04}", part) for number, (_, part) in enumerate(found))

    def named_modules(self: Any, *how: Any, **more: Any) -> Iterator[tuple[str, nn.Module]]:
        found = old.named_modules(self, *how, **more)
        yield from ((f"m{n:04}" if name else "", part) for n, (name, part) in enumerate(found))

    def get_parameter(self: Any, name: str) -> nn.Parameter:
        return dict(named_parameters(self))[name]

    methods = {
        "named_parameters": named_parameters,
        "named_modules": named_modules,
        "get_parameter": get_parameter,
    }
    return type(_RENAMED, (old,), methods)
