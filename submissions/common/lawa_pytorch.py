"""Latest weight averaging around NadamW in PyTorch: an average of the parameters is evaluated, and
training goes on from the parameters themselves.
"""

import torch

from submissions.common import training_pytorch
from submissions.common.lawa import is_due
from submissions.common.schedules import warmup_cosine
from submissions.nadamw.submission_pytorch import optimizer


def functions(average):
    """Returns (init_optimizer_state, update_params, prepare_for_eval) of a submission.

    The optimizer state is NadamW's and {"average": of `average`, "trained": the parameters that
    training goes on from while the model holds the average, otherwise an empty list}.

    Args:
      average: an object with init(params, point), update(state, params, point), which takes the
        parameters in, and value(state, params), the average, or params before there is one; all of
        lists of tensors.
    """
    start, step = training_pytorch.one_gradient_a_step(optimizer, warmup_cosine)

    def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
        nadamw = start(workload, model_params, model_state, hyperparameters, rng)
        return nadamw | {
            "average": average.init(values(model_params), hyperparameters),
            "trained": [],
        }

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
        model = current_param_container
        if optimizer_state["trained"]:
            torch._foreach_copy_(values(model), optimizer_state["trained"])
            optimizer_state["trained"] = []
        _, _, model_state = step(
            workload,
            model,
            current_params_types,
            model_state,
            hyperparameters,
            batch,
            loss_type,
            optimizer_state,
            eval_results,
            global_step,
            rng,
        )
        if is_due(hyperparameters, global_step + 1, workload.step_hint):
            new = average.update(optimizer_state["average"], values(model), hyperparameters)
            optimizer_state["average"] = new
        return optimizer_state, model, model_state

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
        model = current_param_container
        if not optimizer_state["trained"]:
            optimizer_state["trained"] = [p.clone() for p in values(model)]
            average_of = average.value(optimizer_state["average"], optimizer_state["trained"])
            torch._foreach_copy_(values(model), average_of)
        return optimizer_state, model, model_state

    return init_optimizer_state, update_params, prepare_for_eval


def values(model):
    """The parameters as tensors without gradients, which share their memory."""
    return [p.detach() for p in model.parameters()]
