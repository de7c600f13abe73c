"""Writing training's state down as numpy arrays and JSON, and back, to the bit.

Where the manifest names the parts of the submission's state, they are written under these names
(named_state.py). Otherwise the state is made of dicts, lists and tuples; in them are tensors, numbers,
strings, generators, functions, which have to be the same in the state that the submission makes anew,
and objects with `state_dict` and `load_state_dict`, such as optimizers, schedulers and modules.
"""

import collections
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from backends.pytorch import named_state
from backends.pytorch.workload import Workload
from spec.state_names import Parts

Arrays = dict[str, np.ndarray]

_DICTS = {t.__name__: t for t in (dict, collections.OrderedDict, collections.Counter)}
# Other types, such as bfloat16, are written as the bytes they are.
_NUMPY_TYPES = frozenset(
    {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
    | {torch.float16, torch.float32, torch.float64}
)


def save(
    workload: Workload,
    params: nn.Module,
    model_state: None,
    optimizer_state: Any,
    parts: Parts = (),
) -> tuple[Arrays, Any]:
    """Arrays by name, and what JSON can hold. PyTorch's own generators are among the arrays.

    Raises:
      TypeError: the optimizer state holds something that cannot be written down, or that is not among
        the parts, where there are any.
    """
    weights, statistics = workload.export_model(params, model_state)
    arrays = {f"params.{name}": array for name, array in weights.items()}
    arrays |= {f"model_state.{name}": array for name, array in statistics.items()}
    for number, generator in enumerate(_generator_states()):
        arrays[f"generators.{number}"] = generator.numpy()
    gradients = {name: p.grad for name, p in params.named_parameters()}
    state = {
        "gradients": _save("gradients", gradients, arrays),
        "frozen": [name for name, p in params.named_parameters() if not p.requires_grad],
    }
    if parts:
        arrays |= named_state.save(workload, params, optimizer_state, parts)
    else:
        state["optimizer_state"] = _save("optimizer_state", optimizer_state, arrays)
    return arrays, state


def restore(
    workload: Workload,
    arrays: Mapping[str, np.ndarray],
    state: Any,
    params: nn.Module,
    model_state: None,
    optimizer_state: Any,
    parts: Parts = (),
) -> tuple[nn.Module, None, Any]:
    """(params, model_state, optimizer_state) as `save` found them. The given first ones are changed in
    place, so that whoever holds a tensor of them goes on holding it. What a checkpoint that was
    converted lacks stays as it is: gradients, generators, or an optimizer state without names.

    Raises:
      ValueError: the first optimizer state has other parts.
    """
    workload.fill_model(
        params, _without_prefix("params.", arrays), _without_prefix("model_state.", arrays)
    )
    if parts:
        named_state.restore(workload, arrays, params, optimizer_state, parts)
    elif "optimizer_state" in state:
        saved = state["optimizer_state"]
        optimizer_state = _restore("optimizer_state", saved, arrays, optimizer_state)
    if "gradients" in state:
        gradients = _restore("gradients", state["gradients"], arrays, {})
        for name, parameter in params.named_parameters():
            parameter.requires_grad_(name not in state["frozen"])
            parameter.grad = gradients[name]
        _set_generator_states(list(_without_prefix("generators.", arrays).values()))
    return params, None, optimizer_state


def _without_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _generator_states() -> list[Tensor]:
    """Of the host, then of each GPU; of this process's alone where several share them."""
    if distributed.is_initialized() and torch.cuda.is_available():
        return [torch.get_rng_state(), torch.cuda.get_rng_state()]
    return [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]


def _set_generator_states(states: list[np.ndarray]) -> None:
    host, *devices = (torch.from_numpy(state.copy()) for state in states)
    torch.set_rng_state(host)
    if distributed.is_initialized():
        for state in devices:
            torch.cuda.set_rng_state(state)
        return
    if len(devices) != torch.cuda.device_count():
        raise ValueError(f"{torch.cuda.device_count()} GPUs, expected {len(devices)} as before")
    torch.cuda.set_rng_state_all(devices)


def _save(path: str, value: Any, arrays: Arrays) -> Any:
    """A description of the value; its tensors go to `arrays` under their paths."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return {"value": value}
    if kind in (Tensor, nn.Parameter) and value.layout == torch.strided:
        return _save_tensor(path, value, arrays)
    if kind in _DICTS.values():
        items = [[_key(path, k), _save(f"{path}[{k!r}]", v, arrays)] for k, v in value.items()]
        return {"dict": kind.__name__, "items": items}
    if isinstance(value, collections.defaultdict):
        return _save(path, dict(value), arrays)
    if isinstance(value, list | tuple):
        items = [_save(f"{path}[{i}]", part, arrays) for i, part in enumerate(value)]
        return {"list" if kind is list else "tuple": kind.__name__, "items": items}
    if kind is torch.Generator:
        arrays[path] = value.get_state().numpy()
        return {"generator": path}
    if isinstance(value, np.generic):
        arrays[path] = np.asarray(value)
        return {"scalar": path}
    if _has_state_dict(value):
        return {"object": kind.__name__, "state": _save(path, value.state_dict(), arrays)}
    if callable(value) and (function := _function_name(value)):
        return {"function": function}
    raise TypeError(f"{path} is a {kind.__name__}")


def _restore(path: str, saved: Any, arrays: Mapping[str, np.ndarray], fresh: Any) -> Any:
    """The value that was described. Of `fresh`, the same place in a first state, all is reused that
    can be.
    """
    if "value" in saved:
        return saved["value"]
    if "tensor" in saved:
        return _restore_tensor(saved, arrays, fresh)
    if "dict" in saved:
        old = fresh if isinstance(fresh, dict) else {}
        new = {k: _restore(f"{path}[{k!r}]", v, arrays, old.get(k)) for k, v in saved["items"]}
        if not isinstance(fresh, dict):
            return _DICTS[saved["dict"]](new)
        fresh.clear()
        fresh.update(new)
        return fresh
    if "list" in saved or "tuple" in saved:
        return _restore_sequence(path, saved, arrays, fresh)
    if "generator" in saved:
        fresh.set_state(torch.from_numpy(arrays[saved["generator"]].copy()))
        return fresh
    if "scalar" in saved:
        return arrays[saved["scalar"]][()]
    if "object" in saved:
        if type(fresh).__name__ != saved["object"]:
            raise ValueError(f"{path} is a {type(fresh).__name__}, expected a {saved['object']}")
        state = _restore(path, saved["state"], arrays, fresh.state_dict())
        fresh.load_state_dict(state)
        if isinstance(fresh, torch.optim.Optimizer):
            _undo_casts(fresh, state)
        return fresh
    if not callable(fresh) or _function_name(fresh) != saved["function"]:
        raise ValueError(f"{path} is another function than {saved['function']}")
    return fresh


def _undo_casts(optimizer: torch.optim.Optimizer, state: Any) -> None:
    """Loading gives an optimizer's tensors the type of its parameters; others get theirs back."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):  # state may stand under other keys too
        for name, part in state["state"].get(number, {}).items():
            if isinstance(part, Tensor):
                optimizer.state[parameter][name] = part


def _restore_sequence(path: str, saved: Any, arrays: Mapping[str, np.ndarray], fresh: Any) -> Any:
    old = list(fresh) if isinstance(fresh, list | tuple) else []
    old += [None] * (len(saved["items"]) - len(old))
    items = zip(saved["items"], old, strict=False)
    new = [_restore(f"{path}[{i}]", v, arrays, f) for i, (v, f) in enumerate(items)]
    if "list" in saved:
        if not isinstance(fresh, list):
            return new
        fresh[:] = new
        return fresh
    if saved["tuple"] == "tuple":
        return tuple(new)
    if type(fresh).__name__ != saved["tuple"]:
        raise ValueError(f"{path} is a {type(fresh).__name__}, expected a {saved['tuple']}")
    return type(fresh)(*new)  # a named tuple


def _save_tensor(path: str, tensor: Tensor, arrays: Arrays) -> Any:
    host = tensor.detach().cpu().contiguous()
    known = host.dtype in _NUMPY_TYPES
    arrays[path] = (host if known else host.reshape(-1).view(torch.uint8)).numpy().copy()
    return {
        "tensor": path,
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "stride": list(tensor.stride()),
        "device": tensor.device.type,
        "requires_grad": tensor.requires_grad,
    }


@torch.no_grad()
def _restore_tensor(saved: Any, arrays: Mapping[str, np.ndarray], fresh: Any) -> Tensor:
    dtype = getattr(torch, saved["dtype"])
    host = torch.from_numpy(arrays[saved["tensor"]].copy())
    if dtype not in _NUMPY_TYPES:
        host = host.view(dtype).reshape(saved["shape"])
    is_alike = (
        isinstance(fresh, Tensor)
        and fresh.dtype == dtype
        and list(fresh.shape) == saved["shape"]
        and list(fresh.stride()) == saved["stride"]
        and fresh.device.type == saved["device"]
    )
    if not is_alike:
        fresh = torch.empty_strided(
            saved["shape"], saved["stride"], dtype=dtype, device=saved["device"]
        )
    fresh.copy_(host)
    return fresh.requires_grad_(saved["requires_grad"])


def _key(path: str, key: Any) -> Any:
    if key is not None and type(key) not in (bool, int, float, str):
        raise TypeError(f"{path} has a {type(key).__name__} among its keys")
    return key


def _has_state_dict(value: Any) -> bool:
    return hasattr(value, "state_dict") and hasattr(value, "load_state_dict")


def _function_name(function: Any) -> str:
    """Where a function was defined; empty if it cannot be told, as of an object that is called."""
    if isinstance(function, functools.partial):
        return _function_name(function.func)
    name = getattr(function, "__qualname__", "")
    return f"{function.__module__}.{name}" if name else ""
