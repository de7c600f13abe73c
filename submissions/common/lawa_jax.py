"""Latest weight averaging around NadamW in JAX: an average of the parameters is evaluated, and
training goes on from the parameters themselves.
"""

from typing import Any, NamedTuple

import jax
from jax import numpy as jnp

from submissions.common import training_jax
from submissions.common.lawa import is_due
from submissions.common.schedules import warmup_cosine
from submissions.nadamw.submission_jax import optimizer


class LawaState(NamedTuple):
    """Beside NadamW's state.

    `averaging` is the average's own state. `trained` are the parameters that training goes on from
    while `is_evaluated`, when the caller holds the average; otherwise numbers in their places.
    """

    averaging: Any
    trained: Any
    is_evaluated: bool


def functions(average):
    """Returns (init_optimizer_state, update_params, prepare_for_eval) of a submission.

    The optimizer state is (NadamW's, LawaState).

    Args:
      average: an object with init(params, point), update(state, params, point), which takes the
        parameters in, and value(state, params), the average, or params before there is one.
    """
    start, step = training_jax.one_gradient_a_step(optimizer, warmup_cosine)

    def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
        nadamw = start(workload, model_params, model_state, hyperparameters, rng)
        first = average.init(model_params, hyperparameters)
        return nadamw, LawaState(first, placeholders(model_params), False)

    def update_params(
        workload,
        current_param_container,
        current_params_types,
        model_state,
        hyperparameters,
        batch,
        loss_type,
        optimizer_state,
        eval_results,
        global_step,
        rng,
    ):
        nadamw, lawa = optimizer_state
        params = lawa.trained if lawa.is_evaluated else current_param_container
        nadamw, params, model_state = step(
            workload,
            params,
            current_params_types,
            model_state,
            hyperparameters,
            batch,
            loss_type,
            nadamw,
            eval_results,
            global_step,
            rng,
        )
        new = lawa.averaging
        if is_due(hyperparameters, global_step + 1, workload.step_hint):
            new = average.update(new, params, hyperparameters)
        return (nadamw, LawaState(new, placeholders(params), False)), params, model_state

    def prepare_for_eval(
        workload,
        current_param_container,
        current_params_types,
        model_state,
        hyperparameters,
        loss_type,
        optimizer_state,
        eval_results,
        global_step,
        rng,
    ):
        """The parameters become the average."""
        nadamw, lawa = optimizer_state
        if lawa.is_evaluated:
            return optimizer_state, current_param_container, model_state
        trained = current_param_container
        params = average.value(lawa.averaging, trained)
        return (nadamw, LawaState(lawa.averaging, trained, True)), params, model_state

    return init_optimizer_state, update_params, prepare_for_eval


def placeholders(params):
    """A tree like the parameters' that holds no arrays, so that the state keeps its structure."""
    return jax.tree.map(lambda p: jnp.zeros(()), params)
