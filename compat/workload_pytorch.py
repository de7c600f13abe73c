"""A workload on PyTorch as published submissions see it."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from backends.pytorch import run, workload
from harness.backend import Batch
from spec.interface import ForwardPassMode
from spec.workload_pb2 import Workload as Message


class Workload(workload.Workload):
    """The backend's workload.

    Attributes:
      default_dropout_rate: of a pass for which a submission names none; None for the workload's own.
    """

    default_dropout_rate: float | None = None

    def model_fn(
        self,
        params: nn.Module,
        augmented_and_preprocessed_input_batch: Batch,
        model_state: None,
        mode: ForwardPassMode,
        rng: np.ndarray,
        update_batch_norm: bool,
        dropout_rate: float | None = None,
    ) -> tuple[Tensor, None]:
        return super().model_fn(
            params,
            augmented_and_preprocessed_input_batch,
            model_state,
            mode,
            rng,
            update_batch_norm,
            self.default_dropout_rate if dropout_rate is None else dropout_rate,
        )


class Backend(run.Backend):
    """The backend with such a workload. Evaluation is the backend's own."""

    def __init__(self, message: Message, version: str):
        super().__init__(message, version)
        self.workload: Any = Workload(message, version)
