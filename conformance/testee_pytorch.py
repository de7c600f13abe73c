"""The PyTorch backend's answers."""

import contextlib
import importlib
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from backends.pytorch import metrics, placement
from backends.pytorch.workload import Workload, as_array
from conformance.testee import Arrays, Testee, TrainingPass
from spec.interface import ForwardPassMode
from spec.workload_pb2 import Workload as Message


def open_testee() -> Testee:
    return PyTorchTestee()


class PyTorchTestee(Testee):
    def open(self, message: Message) -> Workload:
        return Workload(message, "v0.6", shared_masks=True)

    def place(self, batch: Arrays) -> Any:
        return placement.place_batch(batch)

    def fetch(self, tree: Any) -> Any:
        return torch.utils._pytree.tree_map(as_array, tree)

    def key(self, words: np.ndarray) -> Any:
        return placement.rng(words)

    def submission(self, name: str) -> types.ModuleType:
        return importlib.import_module(f"submissions.{name}.submission_pytorch")

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
