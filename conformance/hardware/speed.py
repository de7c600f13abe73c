"""The program under measurement: one backend in one process, timing its own operations.

    python -m conformance.hardware.speed --backend jax

answers questions, the methods of `Speed`, in the way of conformance/testee/serving.py. It imports nothing
beyond the backend, so that it runs where only the frameworks, numpy and protobuf are installed.
conformance/hardware/hardware.py asks both backends in turn.
"""

import abc
import argparse
import functools
import importlib
import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.arrays import Arrays
from conformance.testee import serving
from conformance.testee.course import Course
from inputs import pipeline
from inputs.stand_in import stand_in
from spec import loading, rng
from spec.workload_pb2 import Precision, Workload

OPERATIONS = ("forward", "forward_backward", "step", "evaluation")
SUBMISSION = "nadamw"
SEED = 0
MATMUL_REPETITIONS = 10
# Examples that a batch repeats: making an image, a volume or a recording takes longer than training on
# it. Of others there are enough that a batch reaches over a table of embeddings.
FEW, MANY = 16, 32_768
LARGE = ("imagenet", "fastmri", "librispeech")


class Speed(abc.ABC):
    """Timings of one backend. Subclasses say how to touch the framework, and have its name as
    `framework`: that of its file in a submission's folder, `submission_<framework>.py`.
    """

    framework: str

    @abc.abstractmethod
    def workload(self, message: Any) -> Any:
        """The backend's workload object, as timed training makes it."""

    @abc.abstractmethod
    def place(self, batch: Arrays) -> Any:
        """The batch on the device."""

    @abc.abstractmethod
    def key(self, words: np.ndarray) -> Any:
        """What the framework takes for a random key."""

    @abc.abstractmethod
    def wait(self, *trees: Any) -> None:
        """Returns when everything asked of the device is done: the barrier around every timing."""

    @abc.abstractmethod
    def passes(self, workload: Any, batch: Any, key: Any) -> dict[str, Callable[..., Any]]:
        """Functions of (parameters, model state) for all operations but the step."""

    @abc.abstractmethod
    def matrix_product(self, size: int, bfloat16: bool) -> Callable[[], Any]:
        """Multiplies two square matrices that stand on the device."""

    @abc.abstractmethod
    def device_peak_bytes(self) -> int | None:
        """The most memory of the accelerator that was in use at one time; None without one."""

    @abc.abstractmethod
    def costs(self, workload: str, batch_size: int) -> Arrays:
        """What the framework says a step of the submission costs, without a clock: see
        conformance/costs/costs.py.
        """

    @abc.abstractmethod
    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether the device or the host had no memory left."""

    def open(self, workload: str, batch_size: int) -> Arrays:
        """Makes everything ready on generated examples and runs each operation twice: `fits`, whether
        memory was enough; seconds of the first calls, `first`, and of a second one, `<operation>`.
        """
        try:
            return {"fits": np.array(True), **self._open(workload, batch_size)}
        except Exception as error:
            if not self.is_out_of_memory(error):
                raise
            return {"fits": np.array(False)}

    def _open(self, workload: str, batch_size: int) -> Arrays:
        self.prepare(workload, batch_size)
        passes = self.passes(self._workload, self._batch, self._key)
        self._operations: dict[str, Callable[[], Any]] = {"step": self.step}
        for operation, run in passes.items():
            self._operations[operation] = functools.partial(self._on_model, run)
        first = sum(self._seconds(self._operations[operation]) for operation in OPERATIONS)
        again = {o: np.array(self._seconds(self._operations[o])) for o in OPERATIONS}
        return {"first": np.array(first), **again}

    def prepare(self, workload: str, batch_size: int) -> None:
        """A batch of generated examples, and the submission at the beginning of its course."""
        self._message = on_generated_examples(workload, batch_size)
        self._workload = self.workload(self._message)
        source = pipeline.open_source(self._message)
        host = pipeline.train_batch(source, SEED, batch_size, slice(None), 0)
        self._batch = self.place(host | {"weights": pipeline.weights_of(host)})
        self._key = self.key(rng.key_words(SEED, "speed"))
        module = importlib.import_module(f"submissions.{SUBMISSION}.submission_{self.framework}")
        self._course = Course(self, self._workload, module, None, SEED)
        self._course.start(*self._workload.init_model_fn(self._key))
        self._num_steps = 0

    def step(self) -> Any:
        """A step of the submission on the batch; returns the parameters."""
        self._course.step(self._num_steps, iter([self._batch]))
        self._num_steps += 1
        return self._course.params

    def _on_model(self, run: Callable[..., Any]) -> Any:
        """A pass over the model as it is by now: a step may have given its arrays away."""
        return run(self._course.params, self._course.model_state)

    def time(self, operation: str, repetitions: int) -> Arrays:
        """`seconds` [repetitions] of an operation, each with a barrier before and after."""
        run = self._operations[operation]
        return {"seconds": np.array([self._seconds(run) for _ in range(repetitions)])}

    def memory(self) -> Arrays:
        """`peak_bytes` since the process began."""
        of_device = self.device_peak_bytes()
        of_process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux: kB
        return {"peak_bytes": np.array(of_process if of_device is None else of_device)}

    def matmul(self, size: int) -> Arrays:
        """`flops_per_sec` of a product of square matrices at the workload's precision."""
        bfloat16 = self._message.precision.compute == Precision.BFLOAT16
        run = self.matrix_product(size, bfloat16)
        run()
        seconds = statistics.median(self._seconds(run) for _ in range(MATMUL_REPETITIONS))
        return {"flops_per_sec": np.array(2 * size**3 / seconds)}

    def _seconds(self, run: Callable[[], Any]) -> float:
        self.wait()
        start = time.perf_counter()
        self.wait(run())
        return time.perf_counter() - start


def on_generated_examples(workload: str, batch_size: int) -> Workload:
    """The workload on examples for batches of this size; a smaller number of them comes in turn."""
    message = loading.load_workload(workload)
    large = message.dataset.WhichOneof("source") in LARGE
    return stand_in(message, min(batch_size, FEW if large else MANY))


def main() -> None:
    parser = argparse.ArgumentParser(description="Times one backend's operations.")
    parser.add_argument("--backend", required=True, choices=["jax", "pytorch"])
    backend = parser.parse_args().backend
    # The two processes share one accelerator: JAX must not take most of its memory in advance.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    serving.run(importlib.import_module(f"conformance.hardware.speed_{backend}").open_speed)


if __name__ == "__main__":
    main()
