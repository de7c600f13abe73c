"""Parts of the PyTorch backend, the data and the submission, each with a mistake in it, for
conformance/mutations/mutations.py. What takes `original` makes the wrong function from the right one.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from google.protobuf.message import Message
from torch import Tensor, nn

from backends.pytorch import layers, metrics
from spec import layouts, rng
from spec.parameter_pb2 import Parameter
from spec.positions import sincos_2d
from spec.workload_pb2 import Precision, Workload

# Layers


def torch_batch_norm(self: layers.BatchNorm, x: Tensor, how: layers.Pass) -> Tensor:
    self.train(how.train)
    return nn.BatchNorm2d.forward(self, x)


def always_updating(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def wrong(self: layers.BatchNorm, x: Tensor, how: layers.Pass) -> Tensor:
        return original(self, x, dataclasses.replace(how, update_batch_norm=how.train))

    return wrong


def frozen_as_in_evaluation(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def wrong(self: layers.BatchNorm, x: Tensor, how: layers.Pass) -> Tensor:
        return original(self, x, dataclasses.replace(how, train=how.update_batch_norm))

    return wrong


def constant_statistics(self: layers.BatchNorm, x: Tensor, how: layers.Pass) -> Tensor:
    var, mean = torch.var_mean(x.detach(), (0, 2, 3), correction=0)
    return F.batch_norm(x, mean, var, self.weight, self.bias, eps=self.eps)


def centred_rms_norm(self: layers.RMSNorm, x: Tensor) -> Tensor:
    assert self.eps is not None
    return F.layer_norm(x, self.normalized_shape, self.weight, None, self.eps)


def in_bfloat16(self: layers.Dense, x: Tensor) -> Tensor:
    x, weight = x.flatten(-len(self.input_axes)).bfloat16(), self.weight.bfloat16()
    return (F.linear(x, weight).to(self.weight) + self.bias).unflatten(-1, self.output_axes)


def unscaled_dropout(self: layers.Dropout, x: Tensor, how: layers.Pass) -> Tensor:
    if not how.train or how.keep_mask is None:
        return x
    return torch.where(how.keep_mask(self.site, tuple(x.shape), how.dropout_rate), x, 0)


def same_mask_everywhere(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda words, site, shape, rate: original(words, "", shape, rate)


# Models


def transposed_positions(rows: int, columns: int, width: int) -> np.ndarray:
    table = sincos_2d(rows, columns, width).reshape(rows, columns, width)
    return table.swapaxes(0, 1).reshape(-1, width)


def half_rotated(x_BTNK: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    cosines, sines = cosines[:, None, :], sines[:, None, :]
    first, second = x_BTNK.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def epsilon_inside_the_root(x: Tensor, epsilon: float) -> Tensor:
    return x / torch.sqrt(torch.sum(torch.square(x), -1, keepdim=True) + epsilon)


def untied(self: layers.Embedding, x: Tensor) -> Tensor:
    return F.linear(x, self.weight.detach())


def lower_triangle(dense_BD: Tensor, embedded_BFD: Tensor) -> Tensor:
    vectors_BFD = torch.cat([dense_BD[:, None], embedded_BFD], 1)
    products_BFF = torch.einsum("bfd,bgd->bfg", vectors_BFD, vectors_BFD)
    rows, columns = torch.tril_indices(*products_BFF.shape[1:])
    return torch.cat([dense_BD, products_BFF[:, rows, columns]], 1)


# The workload object: parameters, passes, losses, metrics


def untransposed(parameter: Any, canonical: np.ndarray) -> np.ndarray:
    if parameter.layout == layouts.MATRIX:
        return canonical.reshape(parameter.fan_out, parameter.fan_in)
    return layouts.to_torch_layout(parameter, canonical)


def fans_swapped(original: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def wrong(parameter: Parameter, seed: int) -> np.ndarray:
        swapped = Parameter()
        swapped.CopyFrom(parameter)
        swapped.fan_in, swapped.fan_out = parameter.fan_out, parameter.fan_in
        return original(swapped, seed)

    return wrong


def smoothing_over_the_others(labels: Tensor, logits: Tensor, smoothing: float) -> Tensor:
    num_classes = logits.shape[-1]
    target = F.one_hot(labels.long(), num_classes) * (1 - smoothing)
    target = target + (target == 0) * smoothing / (num_classes - 1)
    return -(target * F.log_softmax(logits, -1)).sum(-1)


def all_valid(original: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    def wrong(per_example: Tensor, *others: Any) -> dict[str, Tensor]:
        count = torch.tensor(float(per_example.numel()))
        return original(per_example, *others) | {"n_valid_examples": count}

    return wrong


def unmasked(original: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    return lambda loss, *others: original(loss, *others) | {"per_example": loss}


def mean_of_ranks(original: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    """Each of two ranks divides by its own number of valid examples."""

    def wrong(per_example: Tensor, mask: Tensor, *others: Any) -> dict[str, Tensor]:
        whole = original(per_example, mask, *others)
        halves = zip(per_example.chunk(2), mask.chunk(2), strict=True)
        ranks = [original(*half, *others) for half in halves]
        means = [rank["summed"] / rank["n_valid_examples"] for rank in ranks]
        return whole | {"summed": sum(means) / len(means) * whole["n_valid_examples"]}

    return wrong


def last_class_blank(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda log_p, *args, **kwargs: original(
        log_p, *args, **kwargs, blank=log_p.shape[-1] - 1
    )


def bfloat16_asked_for(original: Callable[..., None]) -> Callable[..., None]:
    def wrong(self: Any, message: Workload, *args: Any, **kwargs: Any) -> None:
        changed = Workload()
        changed.CopyFrom(message)
        changed.precision.compute = Precision.BFLOAT16
        original(self, changed, *args, **kwargs)

    return wrong


def unweighted(logits: Tensor, batch: dict[str, Tensor], loss: Tensor) -> dict[str, Tensor]:
    everything = batch | {"weights": torch.ones_like(batch["weights"])}
    return metrics.classification(logits, everything, loss)


def mean_of_means(original: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(family: Any, sums: list[dict[str, float]]) -> Any:
        return original(family, [{k: v / s["weight"] for k, v in s.items()} for s in sums])

    return wrong


def weights_of_one_rank(original: Callable[..., Any]) -> Callable[..., Any]:
    """Sums are of two ranks, each with every other batch; the denominator is the first one's."""

    def wrong(family: Any, sums: list[dict[str, Any]]) -> Any:
        own = [s | {"weight": s["weight"] * (n % 2 == 0)} for n, s in enumerate(sums)]
        return original(family, own)

    return wrong


# Data


def ids_shifted(original: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(*args: Any) -> Any:
        batch = original(*args)
        return batch | {k: batch[k] + (batch[k] > 0) for k in ("inputs", "targets")}

    return wrong


def of_two_workers(original: Callable[..., Any]) -> Callable[..., Any]:
    """Each reads the whole split, and batches are taken until there are as many as there should be."""

    def wrong(*args: Any) -> Any:
        batches = list(original(*args))
        return [batch for batch in batches for _ in range(2)][: len(batches)]

    return wrong


def unseeded(key: rng.Key, num_examples: int) -> np.ndarray:
    return np.random.default_rng().permutation(num_examples)


def brighter_test_split(original: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(self: Any, split: str, *rest: Any) -> Any:
        batch = original(self, split, *rest)
        return batch | {"inputs": batch["inputs"] * np.float32(16 / 15 if split == "test" else 1)}

    return wrong


def validation_for_test(original: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(workload: Any, source: Any, split: str, *rest: Any) -> Any:
        return original(workload, source, "validation" if split == "test" else split, *rest)

    return wrong


def without_the_last(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: list(original(*args))[:-1]


# The specification and the submission


def base_values_stay(original: Callable[..., None]) -> Callable[..., None]:
    """What a variant says in a map, such as its targets, does not reach the base's entry."""

    def wrong(target: Message, change: Message) -> None:
        kept = type(change)()
        kept.CopyFrom(change)
        for field, _ in change.ListFields():
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                kept.ClearField(field.name)
        original(target, kept)

    return wrong


def betas_swapped(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda params, b1, b2, *rest: original(params, b2, b1, *rest)


def coupled_decay(original: Callable[..., None]) -> Callable[..., None]:
    def wrong(self: Any) -> None:
        [group] = self.param_groups
        decay, group["weight_decay"] = group["weight_decay"], 0.0
        for p in group["params"]:
            p.grad.add_(p.detach(), alpha=decay)
        original(self)
        group["weight_decay"] = decay

    return wrong
