"""The JAX backend's answers."""

import functools
import importlib
import types
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

    def evaluation_pass(
        self, workload: Workload, model: tuple[Any, Any], batch: Any, key: Any
    ) -> Any:
        @jax.jit
        def logits(params: Any, state: Any, batch: Any) -> Any:
            return workload.model_fn(
                params, batch, state, ForwardPassMode.EVAL, key, update_batch_norm=False
            )[0]

        return logits(*model, batch)

    def decoded(self, logits: Any) -> np.ndarray:
        return self.fetch(metrics.greedy_ctc(*logits))

    def training_pass(
        self,
        workload: Workload,
        model: tuple[Any, Any],
        batch: Any,
        key: Any,
        *,
        update_batch_norm: bool,
        dropout_rate: float,
        label_smoothing: float,
    ) -> TrainingPass:
        params, state = model

        @functools.partial(jax.value_and_grad, has_aux=True)
        def mean_loss(params: Any, batch: Any) -> tuple[Any, tuple[Any, Any, Any]]:
            logits, new_state = workload.model_fn(
                params,
                batch,
                state,
                ForwardPassMode.TRAIN,
                key,
                update_batch_norm,
                dropout_rate,
            )
            loss = workload.loss_fn(
                batch["targets"], logits, batch.get("weights"), label_smoothing=label_smoothing
            )
            return loss["summed"] / loss["n_valid_examples"], (logits, loss, new_state)

        (_, (logits, loss, new_state)), grads = jax.jit(mean_loss)(params, batch)
        gradients, statistics = workload.export_model(grads, new_state)
        return TrainingPass(self.fetch(logits), self.fetch(loss), gradients, statistics)
