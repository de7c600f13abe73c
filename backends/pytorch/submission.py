"""The functions of a submission, with PyTorch's types. spec/submission.proto says what they are."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from torch import nn

from backends.pytorch.workload import Workload
from spec.interface import LossType, ParameterType

Batch = Any  # whatever the submission's own data_selection returns
OptimizerState = Any
EvalResults = list[tuple[int, dict[str, float]]]


class Submission(Protocol):
    """A module with these functions. `prepare_for_eval` may be left out, and so may `train_state`."""

    def get_batch_size(self, workload_name: str) -> int: ...

    def init_optimizer_state(
        self,
        workload: Workload,
        model_params: nn.Module,
        model_state: None,
        hyperparameters: Any,
        rng: np.ndarray,
    ) -> OptimizerState: ...

    def update_params(
        self,
        workload: Workload,
        current_param_container: nn.Module,
        current_params_types: dict[str, ParameterType],
        model_state: None,
        hyperparameters: Any,
        batch: Batch,
        loss_type: LossType,
        optimizer_state: OptimizerState,
        eval_results: EvalResults,
        global_step: int,
        rng: np.ndarray,
        train_state: Mapping[str, Any],
    ) -> tuple[OptimizerState, nn.Module, None]: ...

    def prepare_for_eval(
        self,
        workload: Workload,
        current_param_container: nn.Module,
        current_params_types: dict[str, ParameterType],
        model_state: None,
        hyperparameters: Any,
        loss_type: LossType,
        optimizer_state: OptimizerState,
        eval_results: EvalResults,
        global_step: int,
        rng: np.ndarray,
    ) -> tuple[OptimizerState, nn.Module, None]: ...

    def data_selection(
        self,
        workload: Workload,
        input_queue: Iterator[dict[str, Any]],
        optimizer_state: OptimizerState,
        current_param_container: nn.Module,
        model_state: None,
        hyperparameters: Any,
        global_step: int,
        rng: np.ndarray,
    ) -> Batch: ...
