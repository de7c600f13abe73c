"""What a backend gives the harness, and all that the harness knows of a framework."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from spec.state_names import Parts
from spec.workload_pb2 import Workload

Batch = dict[str, np.ndarray]


class Backend(Protocol):
    """One workload on one framework's devices.

    Attributes:
      num_devices: devices that a global batch is split over.
      workload: the official workload object (spec/interface.py), with `init_model_fn(rng)`,
        `model_params_types`, `loss_type` and a `metrics_logger` that can be set. For isolated
        trials also `export_model(params, model_state)` and its inverse `import_model`, and what they
        take: `parameters` and `initial_state`, by canonical name.
    """

    num_devices: int
    workload: Any

    def rng(self, words: np.ndarray) -> Any:
        """What a submission sees as its random state, made of uint32[2]."""
        ...

    def place(self, batch: Batch) -> Any:
        """The framework's arrays on its devices."""
        ...

    def commit(self, optimizer_state: Any) -> Any:
        """A submission's first state, its arrays where they stay: see docs/devices.md."""
        ...

    def synchronize(self, *results: Any) -> None:
        """Returns when all work enqueued so far is done, at least that for `results`, any trees."""
        ...

    def reference_step(self, previous: Any) -> Any:
        """A fixed piece of work, the same for every workload and call: see noise.py. Takes what the
        call before gave, at first None, and gives something that `synchronize` can wait for.
        """
        ...

    def evaluate(
        self, params: Any, model_state: Any, rng: Any, batches: Iterable[Batch]
    ) -> Mapping[str, float]:
        """The workload's metrics on one split, given as padded numpy batches with `weights`."""
        ...

    def structure(self, params: Any, model_state: Any) -> Mapping[str, str]:
        """Type and shape by name of every array; any exception if these are no parameters and model
        state, or their memory is gone.
        """
        ...

    def save(
        self, params: Any, model_state: Any, optimizer_state: Any, parts: Parts = ()
    ) -> tuple[dict[str, np.ndarray], Any]:
        """All that training goes on from, the framework's own random generators included: arrays by
        name, and what JSON can hold. `parts` are those of the submission's state that its manifest
        names: they are written down under their names, in a form that every framework shares. Any
        exception if the state holds something that cannot be written down.
        """
        ...

    def restore(
        self,
        arrays: Mapping[str, np.ndarray],
        state: Any,
        params: Any,
        model_state: Any,
        optimizer_state: Any,
        parts: Parts = (),
    ) -> tuple[Any, Any, Any]:
        """(params, model_state, optimizer_state) as they were when `save` gave `arrays` and `state`.
        The three arguments before `parts` are first values as the same workload and submission make
        them; they may be changed. Any exception if they do not fit. The arrays may also be those that
        another framework's `save` gave, and `state` {}: what is not among them stays as it is.
        """
        ...

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether the framework's error says that a device has no memory left."""
        ...

    def number_of_parameters(self) -> int:
        """Trainable numbers of the model."""
        ...

    def accelerators(self) -> list[str]:
        """The devices' names as their driver gives them, one entry a device; empty on a CPU."""
        ...


# Makes the backend of a workload under a version of the rules, for example `v0.6`.
MakeBackend = Callable[[Workload, str], Backend]
