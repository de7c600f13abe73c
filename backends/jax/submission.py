"""The functions of a submission, with JAX's types. spec/submission.proto says what they are."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from backends.jax.workload import Tree, Workload
from spec.interface import LossType

Batch = Any  # whatever the submission's own data_selection returns
OptimizerState = Any
EvalResults = list[tuple[int, dict[str, float]]]


class Submission(Protocol):
    """A module with these functions. `prepare_for_eval` may be left out, and so may `train_state`."""

    def get_batch_size(self, workload_name: str) -> int: ...

    def init_optimizer_state(
        self,
        workload: Workload,
        model_params: Tree,
        model_state: Tree,
        hyperparameters: Any,
        rng: np.ndarray,
    ) -> OptimizerState: ...

    def update_params(
        self,
        workload: Workload,
        current_param_container: Tree,
        current_params_types: Tree,
        model_state: Tree,
        hyperparameters: Any,
        batch: Batch,
        loss_type: LossType,
        optimizer_state: OptimizerState,
        eval_results: EvalResults,
        global_step: int,
        rng: np.ndarray,
        train_state: Mapping[str, Any],
    ) -> tuple[OptimizerState, Tree, Tree]: ...

    def prepare_for_eval(
        self,
        workload: Workload,
        current_param_container: Tree,
        current_params_types: Tree,
        model_state: Tree,
        hyperparameters: Any,
        loss_type: LossType,
        optimizer_state: OptimizerState,
        eval_results: EvalResults,
        global_step: int,
        rng: np.ndarray,
    ) -> tuple[OptimizerState, Tree, Tree]: ...

    def data_selection(
        self,
        workload: Workload,
        input_queue: Iterator[dict[str, Any]],
        optimizer_state: OptimizerState,
        current_param_container: Tree,
        model_state: Tree,
        hyperparameters: Any,
        global_step: int,
        rng: np.ndarray,
    ) -> Batch: ...
