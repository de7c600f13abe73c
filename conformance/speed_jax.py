"""The JAX backend's timings."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from backends.jax import placement
from backends.jax.workload import Workload
from conformance.course import VERSION
from conformance.speed import Arrays, Speed
from spec.interface import ForwardPassMode
from spec.workload_pb2 import Workload as Message


def open_speed() -> Speed:
    return JaxSpeed()


class JaxSpeed(Speed):
    framework = "jax"

    def workload(self, message: Message) -> Workload:
        return Workload(message, VERSION)

    def place(self, batch: Arrays) -> Any:
        return placement.place_batch(batch)

    def key(self, words: np.ndarray) -> Any:
        return placement.rng(words)

    def wait(self, *trees: Any) -> None:
        placement.synchronize(*trees)

    def passes(self, workload: Workload, batch: Any, key: Any) -> dict[str, Callable[..., Any]]:
        def loss(params: Any, state: Any, batch: Any, mode: ForwardPassMode) -> tuple[Any, Any]:
            train = mode == ForwardPassMode.TRAIN
            logits, new_state = workload.model_fn(params, batch, state, mode, key, train)
            found = workload.loss_fn(batch["targets"], logits, batch["weights"])
            return found["summed"] / found["n_valid_examples"], new_state

        compiled = jax.jit(loss, static_argnums=3)
        gradient = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=3)
        return {
            "forward": lambda *model: compiled(*model, batch, ForwardPassMode.TRAIN),
            "forward_backward": lambda *model: gradient(*model, batch, ForwardPassMode.TRAIN),
            "evaluation": lambda *model: compiled(*model, batch, ForwardPassMode.EVAL),
        }

    def matrix_product(self, size: int, bfloat16: bool) -> Callable[[], Any]:
        matrix = jnp.ones((size, size), jnp.bfloat16 if bfloat16 else jnp.float32)
        product = jax.jit(jnp.matmul)
        return lambda: product(matrix, matrix)

    def device_peak_bytes(self) -> int | None:
        statistics = jax.local_devices()[0].memory_stats()
        return statistics["peak_bytes_in_use"] if statistics else None

    def is_out_of_memory(self, error: BaseException) -> bool:
        return placement.is_out_of_memory(error)
