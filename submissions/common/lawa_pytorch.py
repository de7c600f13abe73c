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

    The optimizer state is NadamW's and {"averaging": of `average`, "is_evaluated": whether the model
    holds the average, "trained": the parameters that training goes on from meanwhile, otherwise
    numbers in their places}.

    Args:
      average: an object with init(params, point), update(state, params, point), which takes the
        parameters in, and value(state, params), the average, or params before there is one; all of
        dicts of tensors by name.
    """
    start, step = training_pytorch.one_gradient_a_step(optimizer, warmup_cosine)

    def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
        nadamw = start(workload, model_params, model_state, hyperparameters, rng)
        return nadamw | {
            "averaging": average.init(values(model_params), hyperparameters),
            "is_evaluated": False,
            "trained": placeholders(model_params),
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
        if optimizer_state["is_evaluated"]:
            put(model, optimizer_state["trained"])
            optimizer_state |= {"is_evaluated": False, "trained": placeholders(model)}
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
            new = average.update(optimizer_state["averaging"], values(model), hyperparameters)
            optimizer_state["averaging"] = new
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
        if not optimizer_state["is_evaluated"]:
            trained = {name: p.clone() for name, p in values(model).items()}
            optimizer_state |= {"is_evaluated": True, "trained": trained}
            put(model, average.value(optimizer_state["averaging"], trained))
        return optimizer_state, model, model_state

    return init_optimizer_state, update_params, prepare_for_eval


def values(model):
    """The parameters by name as tensors without gradients, which share their memory."""
    return {name: p.detach() for name, p in model.named_parameters()}


def put(model, tensors):
    """The tensors' values become those of the parameters of their names."""
    torch._foreach_copy_(list(values(model).values()), list(tensors.values()))


def placeholders(model):
    """Numbers by the parameters' names, so that the state keeps its structure."""
    return {name: p.new_zeros(()) for name, p in values(model).items()}
