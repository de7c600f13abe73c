"""The JAX backend's answers."""

import contextlib
import functools
import importlib
import types
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from backends.jax import metrics, placement
from backends.jax.workload import Workload
from conformance.testee import Arrays, Testee, TrainingPass
from spec.interface import ForwardPassMode
from spec.workload_pb2 import Workload as Message


def open_testee() -> Testee:
    return JaxTestee()


class JaxTestee(Testee):
    def open(self, message: Message) -> Workload:
        return Workload(message, "v0.6", shared_masks=True)

    def place(self, batch: Arrays) -> Any:
        return placement.place_batch(batch)

    def fetch(self, tree: Any) -> Any:
        return jax.device_get(tree)

    def key(self, words: np.ndarray) -> Any:
        return placement.rng(words)

    def submission(self, name: str) -> types.ModuleType:
        return importlib.import_module(f"submissions.{name}.submission_jax")

    def decoded(self, logits: Any) -> np.ndarray:
        return self.fetch(metrics.greedy_ctc(*logits))

    @contextlib.contextmanager
    def float64(self) -> Iterator[None]:
        jax.config.update("jax_disable_most_optimizations", True)  # it saves half of compiling
        try:
            with jax.enable_x64(True):
                yield
        finally:
            jax.config.update("jax_disable_most_optimizations", False)

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
        logits, new_state = _forward(workload, mode, update_batch_norm, params, state, batch, key)
        return logits, workload.export_model(params, new_state)[1]

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
        grads, (logits, loss, new_state) = _gradient(
            workload, dropout_rate, label_smoothing, *model, batch, key
        )
        gradients, statistics = workload.export_model(grads, new_state)
        return TrainingPass(self.fetch(logits), self.fetch(loss), gradients, statistics)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _forward(
    workload: Workload,
    mode: ForwardPassMode,
    update_batch_norm: bool,
    params: Any,
    state: Any,
    batch: Any,
    key: Any,
) -> tuple[Any, Any]:
    return workload.model_fn(params, batch, state, mode, key, update_batch_norm)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _gradient(
    workload: Workload,
    dropout_rate: float,
    label_smoothing: float,
    params: Any,
    state: Any,
    batch: Any,
    key: Any,
) -> tuple[Any, tuple[Any, Any, Any]]:
    """The gradient of the mean loss; logits, loss and new state."""

    @functools.partial(jax.grad, has_aux=True)
    def mean_loss(params: Any) -> tuple[Any, tuple[Any, Any, Any]]:
        logits, new_state = workload.model_fn(
            params, batch, state, ForwardPassMode.TRAIN, key, True, dropout_rate
        )
        loss = workload.loss_fn(
            batch["targets"], logits, batch.get("weights"), label_smoothing=label_smoothing
        )
        return loss["summed"] / loss["n_valid_examples"], (logits, loss, new_state)

    return mean_loss(params)
