"""The PyTorch backend's answers."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backends.pytorch import metrics, placement
from backends.pytorch.workload import Workload, as_array
from conformance.arrays import Arrays
from conformance.testee.backend import TrainingPass
from conformance.testee.course import VERSION
from conformance.testee.testee import Testee
from spec.interface import ForwardPassMode
from spec.submission_pb2 import PYTORCH
from spec.workload_pb2 import Workload as Message


def open_testee() -> Testee:
    return PyTorchTestee()


class FieldWorkload(Workload):
    """A workload with the loss of conformance/testee/gradient_field.py."""

    def model_fn(
        self,
        params: nn.Module,
        augmented_and_preprocessed_input_batch: Any,
        model_state: None,
        mode: ForwardPassMode,
        rng: Any,
        update_batch_norm: bool,
        dropout_rate: Any = None,
    ) -> tuple[Tensor, None]:
        field = augmented_and_preprocessed_input_batch["inputs"]
        terms = [
            torch.sum((field["gradients"][name] + field["curvatures"][name] / 2 * p) * p)
            for name, p in params.named_parameters()
        ]
        return torch.stack(terms).sum(), None

    def loss_fn(
        self,
        label_batch: Any,
        logits_batch: Tensor,
        mask_batch: Any = None,
        label_smoothing: float = 0.0,
    ) -> dict[str, Tensor]:
        one = torch.ones_like(logits_batch)
        return {"summed": logits_batch, "n_valid_examples": one, "per_example": logits_batch[None]}


class PyTorchTestee(Testee):
    framework = PYTORCH

    def open(self, message: Message) -> Workload:
        return Workload(message, VERSION, shared_masks=True)

    def place(self, batch: Arrays) -> Any:
        return placement.place_batch(batch)

    def fetch(self, tree: Any) -> Any:
        return torch.utils._pytree.tree_map(as_array, tree)

    def key(self, words: np.ndarray) -> Any:
        return placement.rng(words)

    def open_field(self, message: Message) -> Workload:
        return FieldWorkload(message, VERSION)

    def field_batch(self, workload: Workload, gradients: Arrays, curvatures: Arrays) -> Any:
        field = {"gradients": gradients, "curvatures": curvatures}
        inputs = {
            key: placement.place_batch(
                {name: t.numpy() for name, t in workload.import_gradients(arrays).items()}
            )
            for key, arrays in field.items()
        }
        return {"inputs": inputs, "targets": torch.zeros(1)}

    @contextlib.contextmanager
    def float64(self) -> Iterator[None]:
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # of every tensor that a model is made of
        try:
            yield
        finally:
            torch.set_default_dtype(before)

    def forward_pass(
        self,
        workload: Workload,
        model: tuple[Any, Any],
        batch: Any,
        key: Any,
        mode: ForwardPassMode,
        *,
        update_batch_norm: bool,
    ) -> tuple[Any, Arrays]:
        params, state = model
        logits, _ = workload.model_fn(params, batch, state, mode, key, update_batch_norm)
        return logits, workload.export_statistics(params)

    def decoded(self, logits: Any) -> np.ndarray:
        return self.fetch(metrics.greedy_ctc(*logits))

    def training_pass(
        self,
        workload: Workload,
        model: tuple[Any, Any],
        batch: Any,
        key: Any,
        *,
        dropout_rate: float,
        label_smoothing: float,
    ) -> TrainingPass:
        params, state = model
        logits, _ = workload.model_fn(
            params, batch, state, ForwardPassMode.TRAIN, key, True, dropout_rate
        )
        loss = workload.loss_fn(
            batch["targets"], logits, batch.get("weights"), label_smoothing=label_smoothing
        )
        (loss["summed"] / loss["n_valid_examples"]).backward()
        statistics = workload.export_statistics(params)
        gradients = workload.export_gradients(params)
        return TrainingPass(self.fetch(logits), self.fetch(loss), gradients, statistics)
