"""The JAX backend's timings."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from backends.jax import placement
from backends.jax.workload import Workload
from conformance.hardware.speed import Arrays, Speed
from conformance.testee.course import VERSION
from spec.interface import ForwardPassMode
from spec.workload_pb2 import Workload as Message
from submissions.common import points, training_jax
from submissions.nadamw import submission_jax

LEARNING_RATE = 1e-3  # any: it is an argument of the program


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

    def costs(self, workload: str, batch_size: int) -> Arrays:
        """`flops` of the program as it was written; of the compiled one `bytes` that operations read
        and write, the number of `fusions`, and `peak_bytes` of arguments, results and what is between;
        `recompilations` in the second and third step.
        """
        self.prepare(workload, batch_size)
        state, update = self._course.optimizer
        lowered = training_jax.train_step.lower(
            self._workload,
            update,
            self._course.params,
            self._course.model_state,
            state,
            self._batch,
            self._key,
            LEARNING_RATE,
            training_jax.regularization(points.listed(submission_jax.__file__)[-1]),
        )
        compiled = lowered.compile()
        costs: Any = lowered.cost_analysis()
        compiled_costs: Any = compiled.cost_analysis()
        memory: Any = compiled.memory_analysis()
        sizes = memory.argument_size_in_bytes + memory.output_size_in_bytes
        found = {
            "flops": costs["flops"],
            "bytes": compiled_costs["bytes accessed"],
            "fusions": (compiled.as_text() or "").count(" fusion("),
            "peak_bytes": sizes + memory.temp_size_in_bytes - memory.alias_size_in_bytes,
            "recompilations": self._recompilations(),
        }
        return {name: np.array(value, np.float64) for name, value in found.items()}

    def _recompilations(self) -> int:
        self.step()
        compiled: Any = training_jax.train_step
        before = compiled._cache_size()
        self.step()
        self.step()
        return compiled._cache_size() - before

    def is_out_of_memory(self, error: BaseException) -> bool:
        return placement.is_out_of_memory(error)
