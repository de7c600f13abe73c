"""Deliberately wrong PyTorch backends: mistakes that were really made somewhere, each in one place.

Conformance must catch every one of them; conformance/mutations_test.py holds it to that. A mutation is
a context manager that patches the running process.
"""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backends.pytorch import layers, layouts, losses, metrics
from backends.pytorch import workload as backend
from backends.pytorch.models import resnet, transformer_lm
from inputs import pipeline
from spec import declarations
from spec.conformance_pb2 import (
    DATA,
    FORWARD,
    METRICS,
    PARAMETERS,
    STATE,
    TRAJECTORY,
    Level,
)
from spec.initialization import GLOROT_UNIFORM
from spec.interface import ForwardPassMode
from spec.models_pb2 import GELU_TANH, ResNet
from submissions.nadamw import submission_pytorch as nadamw

Patch = Callable[[], contextlib.AbstractContextManager[Any]]


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A mistake, the workload it shows on, and the level that must catch it."""

    name: str
    workload: str
    level: Level
    patch: Patch


def _replace(target: Any, attribute: str, value: Any) -> Patch:
    return lambda: mock.patch.object(target, attribute, value)


def _change_arguments(target: Any, method: str, change: Callable[..., dict[str, Any]]) -> Patch:
    """Calls the method with keyword arguments that `change` makes of the original ones."""
    original = getattr(target, method)

    def wrong(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **(kwargs | change(**kwargs)))

    return _replace(target, method, wrong)


def _torch_batch_norm(self: layers.BatchNorm, x: Tensor, how: layers.Pass) -> Tensor:
    self.train(how.train)
    return nn.BatchNorm2d.forward(self, x)


def _always_updating(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def wrong(self: layers.BatchNorm, x: Tensor, how: layers.Pass) -> Tensor:
        return original(self, x, dataclasses.replace(how, update_batch_norm=how.train))

    return wrong


def _unscaled_dropout(self: layers.Dropout, x: Tensor, how: layers.Pass) -> Tensor:
    if not how.train or how.keep_mask is None:
        return x
    return torch.where(how.keep_mask(self.site, tuple(x.shape), how.dropout_rate), x, 0)


def _smoothing_over_the_others(labels: Tensor, logits: Tensor, smoothing: float) -> Tensor:
    num_classes = logits.shape[-1]
    target = F.one_hot(labels.long(), num_classes) * (1 - smoothing)
    target = target + (target == 0) * smoothing / (num_classes - 1)
    return -(target * F.log_softmax(logits, -1)).sum(-1)


def _all_valid(original: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    def wrong(per_example: Tensor, *others: Any) -> dict[str, Tensor]:
        count = torch.tensor(float(per_example.numel()))
        return original(per_example, *others) | {"n_valid_examples": count}

    return wrong


def _always_training(original: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(
        self: Any,
        params: Any,
        batch: Any,
        state: Any,
        mode: ForwardPassMode,
        *rest: Any,
        **named: Any,
    ) -> Any:
        return original(self, params, batch, state, ForwardPassMode.TRAIN, *rest, **named)

    return wrong


def _unweighted(logits: Tensor, batch: dict[str, Tensor], loss: Tensor) -> dict[str, Tensor]:
    everything = batch | {"weights": torch.ones_like(batch["weights"])}
    return metrics.classification(logits, everything, loss)


def _half_rotated(x_BTNK: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    cosines, sines = cosines[:, None, :], sines[:, None, :]
    first, second = x_BTNK.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def _untransposed(parameter: Any, canonical: np.ndarray) -> np.ndarray:
    if parameter.layout == layouts.MATRIX:
        return canonical.reshape(parameter.fan_out, parameter.fan_in)
    return layouts.to_torch_layout(parameter, canonical)


def _one_step_early(original: Callable[..., float]) -> Callable[..., float]:
    return lambda count, *rest: original(count + 1, *rest)


MUTATIONS = [
    Mutation(
        "batch norm momentum the other way round",
        "digits_resnet",
        STATE,
        _change_arguments(layers.BatchNorm, "__init__", lambda decay, **_: {"decay": 1 - decay}),
    ),
    Mutation(
        "unbiased running variance",
        "digits_resnet",
        STATE,
        _replace(layers.BatchNorm, "forward", _torch_batch_norm),
    ),
    Mutation(
        "batch norm epsilon 1e-3",
        "digits_resnet",
        FORWARD,
        _change_arguments(layers.BatchNorm, "__init__", lambda **_: {"epsilon": 1e-3}),
    ),
    Mutation(
        "layer norm epsilon 1e-3",
        "digits_vit",
        FORWARD,
        _change_arguments(layers.LayerNorm, "__init__", lambda **_: {"epsilon": 1e-3}),
    ),
    Mutation(
        "statistics move although they should not",
        "digits_resnet",
        STATE,
        _replace(layers.BatchNorm, "forward", _always_updating(layers.BatchNorm.forward)),
    ),
    Mutation(
        "symmetric instead of SAME padding",
        "digits_resnet",
        FORWARD,
        _replace(resnet, "PADDINGS", {ResNet.SAME: ((1, 1), (1, 1))}),
    ),
    Mutation(
        "dropout does not scale up",
        "digits_vit",
        FORWARD,
        _replace(layers.Dropout, "forward", _unscaled_dropout),
    ),
    Mutation(
        "dropout rate is not passed on",
        "digits_vit",
        FORWARD,
        _change_arguments(backend, "Pass", lambda **_: {"dropout_rate": 0.0}),
    ),
    Mutation(
        "masked examples count in the mean",
        "digits_vit",
        FORWARD,
        _replace(losses, "reduced", _all_valid(losses.reduced)),
    ),
    Mutation(
        "label smoothing over the other classes only",
        "digits_vit",
        FORWARD,
        lambda: mock.patch.dict(losses.LOSSES, {0: _smoothing_over_the_others}),
    ),
    Mutation(
        "swapped initialiser",
        "digits_vit",
        PARAMETERS,
        _change_arguments(declarations, "dense", lambda **_: {"kernel_init": GLOROT_UNIFORM}),
    ),
    Mutation(
        "kernels not transposed",
        "digits_vit",
        FORWARD,
        _replace(backend, "to_torch_layout", _untransposed),
    ),
    Mutation(
        "exact GELU",
        "digits_vit",
        FORWARD,
        lambda: mock.patch.dict(layers.ACTIVATIONS, {GELU_TANH: F.gelu}),
    ),
    Mutation(
        "rotary pairs from two halves",
        "pydoc_lm",
        FORWARD,
        _replace(transformer_lm, "rotated", _half_rotated),
    ),
    Mutation(
        "attention sees the future",
        "pydoc_lm",
        FORWARD,
        _change_arguments(transformer_lm, "attention", lambda **_: {"causal": False}),
    ),
    Mutation(
        "evaluation in train mode",
        "digits_resnet",
        METRICS,
        _replace(backend.Workload, "model_fn", _always_training(backend.Workload.model_fn)),
    ),
    Mutation(
        "filling rows of the last batch counted",
        "digits_resnet",
        METRICS,
        lambda: mock.patch.dict(metrics.BATCH_SUMS, {1: _unweighted}),
    ),
    Mutation(
        "unshuffled data",
        "digits_vit",
        DATA,
        _replace(pipeline, "_order", lambda seed, epoch, n: np.arange(n)),
    ),
    Mutation(
        "schedule one step early",
        "digits_vit",
        TRAJECTORY,
        _replace(nadamw, "learning_rate", _one_step_early(nadamw.learning_rate)),
    ),
    Mutation(
        "optimizer epsilon 1e-6",
        "digits_vit",
        TRAJECTORY,
        _replace(nadamw, "EPSILON", 1e-6),
    ),
]
