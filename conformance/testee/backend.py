"""What every question needs of a backend."""

import abc
import contextlib
import dataclasses
from typing import Any

import numpy as np

from conformance.arrays import Arrays
from spec.interface import ForwardPassMode
from spec.submission_pb2 import Framework
from spec.workload_pb2 import Workload


@dataclasses.dataclass(frozen=True)
class TrainingPass:
    """What one forward and backward pass gives: numpy arrays, gradients and state by canonical
    name.
    """

    logits: Any  # one array, or with paddings beside it
    loss: Arrays
    gradients: Arrays
    state: Arrays


class Backend(abc.ABC):
    """One backend, as the questions of conformance need it. Subclasses say how to touch the framework.

    Attributes:
      framework: which one.
    """

    framework: Framework

    @abc.abstractmethod
    def open(self, message: Workload) -> Any:
        """The backend's workload object, with dropout masks of the specification."""

    @abc.abstractmethod
    def place(self, batch: Arrays) -> Any:
        """The batch on the devices."""

    @abc.abstractmethod
    def fetch(self, tree: Any) -> Any:
        """The same tree, with numpy arrays."""

    @abc.abstractmethod
    def key(self, words: np.ndarray) -> Any:
        """What the framework takes for a random key."""

    @abc.abstractmethod
    def float64(self) -> contextlib.AbstractContextManager[Any]:
        """Inside it the framework computes in float64, given models and batches of that type."""

    @abc.abstractmethod
    def forward_pass(
        self,
        workload: Any,
        model: tuple[Any, Any],
        batch: Any,
        key: Any,
        mode: ForwardPassMode,
        *,
        update_batch_norm: bool,
    ) -> tuple[Any, Arrays]:
        """Logits and the state after a pass that names no dropout rate."""

    @abc.abstractmethod
    def decoded(self, logits: Any) -> np.ndarray:
        """Tokens that speech logits, with their paddings, stand for: [B, T], filled up with 0."""

    @abc.abstractmethod
    def training_pass(
        self,
        workload: Any,
        model: tuple[Any, Any],
        batch: Any,
        key: Any,
        *,
        dropout_rate: float,
        label_smoothing: float,
    ) -> TrainingPass:
        """A pass in training mode that moves running statistics; the gradient is that of summed /
        n_valid_examples.
        """

    @abc.abstractmethod
    def open_field(self, message: Workload) -> Any:
        """The backend's workload object with the loss of a gradient field instead of a model's. Its
        batches are made by `field_batch`.
        """

    @abc.abstractmethod
    def field_batch(self, workload: Any, gradients: Arrays, curvatures: Arrays) -> Any:
        """A batch on which the loss is <g, p> + <c p, p>/2, from canonical g and c."""
