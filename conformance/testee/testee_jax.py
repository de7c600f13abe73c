"""The JAX backend's answers."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from backends.jax import metrics, placement
from backends.jax.workload import Workload
from conformance.arrays import Arrays
from conformance.testee.backend import TrainingPass
from conformance.testee.course import VERSION
from conformance.testee.testee import Testee
from spec import parameters
from spec.interface import ForwardPassMode
from spec.submission_pb2 import JAX
from spec.workload_pb2 import Workload as Message


def open_testee() -> Testee:
    return JaxTestee()


class FieldWorkload(Workload):
    """A workload with the loss of conformance/testee/gradient_field.py."""

    def model_fn(
        self,
        params: Any,
        augmented_and_preprocessed_input_batch: Any,
        model_state: Any,
        mode: ForwardPassMode,
        rng: Any,
        update_batch_norm: bool,
        dropout_rate: Any = None,
    ) -> tuple[Any, Any]:
        field = augmented_and_preprocessed_input_batch["inputs"]

        terms = jax.tree.map(
            lambda p, g, c: jnp.sum((g + c / 2 * p) * p),
            params,
            field["gradients"],
            field["curvatures"],
        )
        return sum(jax.tree.leaves(terms)), model_state

    def loss_fn(
        self,
        label_batch: Any,
        logits_batch: Any,
        mask_batch: Any = None,
        label_smoothing: Any = 0.0,
    ) -> dict[str, Any]:
        one = jnp.ones_like(logits_batch)
        return {"summed": logits_batch, "n_valid_examples": one, "per_example": logits_batch[None]}


class JaxTestee(Testee):
    framework = JAX

    def open(self, message: Message) -> Workload:
        return Workload(message, VERSION, shared_masks=True)

    def place(self, batch: Arrays) -> Any:
        return placement.place_batch(batch)

    def fetch(self, tree: Any) -> Any:
        return jax.tree.map(_as_array, jax.device_get(tree))

    def key(self, words: np.ndarray) -> Any:
        return placement.rng(words)

    def open_field(self, message: Message) -> Workload:
        return FieldWorkload(message, VERSION)

    def field_batch(self, workload: Workload, gradients: Arrays, curvatures: Arrays) -> Any:
        field = {"gradients": gradients, "curvatures": curvatures}
        inputs = {key: parameters.unflatten(arrays) for key, arrays in field.items()}
        return {"inputs": inputs, "targets": np.zeros(1)}

    def decoded(self, logits: Any) -> np.ndarray:
        return self.fetch(metrics.greedy_ctc(*logits))

    @contextlib.contextmanager
    def float64(self) -> Iterator[None]:
        with jax.enable_x64(True):
            yield

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


def _as_array(value: Any) -> np.ndarray:
    """numpy has no bfloat16, it becomes float32."""
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == jnp.bfloat16 else array


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
