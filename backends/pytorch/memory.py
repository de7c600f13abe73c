"""What a training step needs of a device's memory, found without computing anything."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map

from backends.pytorch.layers import Pass
from backends.pytorch.workload import Workload, as_tensor
from inputs import pipeline
from inputs.stand_in import stand_in
from spec.workload_pb2 import Workload as Message

Kept = dict[int, torch.Tensor]  # by storage: several tensors may be views of one


def activation_bytes(message: Message, batch_size: int) -> int:
    """Bytes that a forward pass keeps for the backward pass, at the workload's own dropout rate.

    The model runs on the meta device, where tensors have shapes and no values. What PyTorch frees
    sooner, and what a kernel needs in passing, is not in it.
    """
    workload = Workload(message, next(iter(message.rules)))
    model = workload.abstract_model().train()
    how = Pass(train=True, update_batch_norm=True, dropout_rate=message.dropout_rate)
    batch = _meta_batch(message, batch_size)
    with kept_for_backward(model) as kept:
        model(workload.inputs_of(batch), how)
    return kept_bytes(kept)


@contextlib.contextmanager
def kept_for_backward(model: nn.Module) -> Iterator[Kept]:
    """Collects what operations inside keep for the backward pass, but for the model's own tensors."""
    own = {p.untyped_storage()._cdata for p in [*model.parameters(), *model.buffers()]}
    kept: Kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def kept_bytes(kept: Kept) -> int:
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _meta_batch(message: Message, batch_size: int) -> dict[str, Any]:
    source = pipeline.open_source(stand_in(message, batch_size))
    return tree_map(
        lambda array: torch.empty(array.shape, dtype=as_tensor(array).dtype, device="meta"),
        pipeline.train_batch(source, 0, batch_size, slice(None), 0),
    )
