"""Ways to patch the running process with a mistake in one place, as context managers."""

import contextlib
from collections.abc import Callable
from typing import Any
from unittest import mock

from backends.pytorch import workload as backend
from spec.interface import ForwardPassMode

Patch = Callable[[], contextlib.AbstractContextManager[Any]]


def replace(target: Any, attribute: str, value: Any) -> Patch:
    return lambda: mock.patch.object(target, attribute, value)


def change_arguments(target: Any, method: str, change: Callable[..., dict[str, Any]]) -> Patch:
    """Calls the method with keyword arguments that `change` makes of the original ones."""
    original = getattr(target, method)

    def wrong(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **(kwargs | change(**kwargs)))

    return replace(target, method, wrong)


def decorate(target: Any, attribute: str, wrap: Callable[[Any], Any]) -> Patch:
    """Replaces a function by what `wrap` makes of it."""
    return replace(target, attribute, wrap(getattr(target, attribute)))


def model_fn(change: Callable[[ForwardPassMode, bool, float | None], tuple[Any, ...]]) -> Patch:
    """Calls model_fn with another mode, update_batch_norm and dropout_rate."""
    original = backend.Workload.model_fn

    def wrong(
        self: Any,
        params: Any,
        batch: Any,
        state: Any,
        mode: ForwardPassMode,
        rng: Any,
        update_batch_norm: bool,
        dropout_rate: float | None = None,
    ) -> Any:
        mode, update, rate = change(mode, update_batch_norm, dropout_rate)
        return original(self, params, batch, state, mode, rng, update, rate)

    return replace(backend.Workload, "model_fn", wrong)
