"""The part of a training step that is the same for most algorithms, in PyTorch.

Of a point this reads, where it has them: `dropout_rate` (otherwise the workload's own),
`label_smoothing` (0) and `grad_clip` (none), the largest global norm of a gradient.
"""

import torch
from torch import distributed

from spec.interface import ForwardPassMode
from submissions.common.batch_sizes import batch_size

get_batch_size = batch_size()
FIRST_STATES = {
    torch.optim.AdamW: lambda p: {
        "step": torch.tensor(0.0),
        "exp_avg": torch.zeros_like(p),
        "exp_avg_sq": torch.zeros_like(p),
    },
    torch.optim.SGD: lambda p: {"momentum_buffer": torch.zeros_like(p)},
}


def one_gradient_a_step(optimizer, schedule, self_tuning=None):
    """Returns (init_optimizer_state, update_params) of an algorithm that takes one gradient a step.

    The optimizer state is {"optimizer": torch.optim.Optimizer}.

    Args:
      optimizer: (workload, model, point) -> optimizer; its groups are given `lr` before each step.
      schedule: (point, step, num_steps) -> learning rate.
      self_tuning: the point where the benchmark gives none.
    """

    def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
        made = optimizer(workload, model_params, hyperparameters or self_tuning)
        make_first_state(made)
        return {"optimizer": made}

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
        """One step. Logs loss and gradient norm about a thousand times in a run."""
        point = hyperparameters or self_tuning
        loss, model_state = set_gradients(
            workload, current_param_container, model_state, batch, rng, point
        )
        log(workload, global_step, loss, current_param_container)
        clip(current_param_container, getattr(point, "grad_clip", None))
        take_step(optimizer_state["optimizer"], schedule(point, global_step, workload.step_hint))
        return optimizer_state, current_param_container, model_state

    return init_optimizer_state, update_params


def set_gradients(workload, model, model_state, batch, rng, point, update_batch_norm=True):
    """Mean loss over the global batch, and the new model state; the parameters get their
    gradients.
    """
    logits, new_state = workload.model_fn(
        model,
        batch,
        model_state,
        ForwardPassMode.TRAIN,
        rng,
        update_batch_norm=update_batch_norm,
        dropout_rate=getattr(point, "dropout_rate", None),
    )
    loss = workload.loss_fn(
        batch["targets"],
        logits,
        batch.get("weights"),
        label_smoothing=getattr(point, "label_smoothing", 0.0),
    )
    own_share, mean_loss = over_processes(loss["summed"], loss["n_valid_examples"])
    model.zero_grad(set_to_none=True)
    own_share.backward()
    return mean_loss, new_state


def over_processes(summed, n_valid_examples):
    """(what this process takes the gradient of, the mean loss over the global batch). Of several
    processes, the mean of the first is the second, as the mean of their gradients is what the model
    gets.
    """
    if not distributed.is_initialized():
        mean_loss = summed / n_valid_examples
        return mean_loss, mean_loss.detach()
    sums = torch.stack([summed.detach(), n_valid_examples])
    distributed.all_reduce(sums)
    return summed * (distributed.get_world_size() / sums[1]), sums[0] / sums[1]


def take_step(optimizer, learning_rate):
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()


def parameters(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def make_first_state(optimizer):
    """Gives a library's optimizer the state that it would make in its first step: only then a checkpoint
    of the other framework finds its places. With dampening the first step would be another.
    """
    if type(optimizer) in FIRST_STATES and not optimizer.defaults.get("dampening"):
        for p in parameters(optimizer):
            optimizer.state[p] = FIRST_STATES[type(optimizer)](p)


def num_stacked(workload, model):
    """How many parameters stand in each of a model's tensors, in the tensors' order."""
    return [len(names) for names in names_in_tensors(workload, model)]


def names_in_tensors(workload, model):
    """The canonical names of the parameters that stand in each of a model's tensors, in the tensors'
    order.
    """
    stacked = workload.parameters_by_tensor
    return [[p.name for p in stacked[name]] for name, _ in model.named_parameters()]


def unstacked(tensors, counts):
    """Views of the single parameters that stand in tensors, for what is one number a parameter."""
    return [
        part
        for x, count in zip(tensors, counts, strict=True)
        for part in ([x] if count == 1 else x.chunk(count))  # a scalar has no chunks
    ]


def by_name(tensors, names):
    """Views of the single parameters that stand in tensors, by their canonical names and in the order
    of the leaves of JAX's tree. `names` are those in each tensor.
    """
    views = unstacked(tensors, list(map(len, names)))
    named = zip([name for several in names for name in several], views, strict=True)
    return dict(sorted(named, key=lambda item: item[0].split(".")))


def gradients(model):
    return [p.grad for p in model.parameters() if p.grad is not None]


@torch.no_grad()
def clip(model, largest):
    """Scales the gradients down to the largest norm where theirs is larger; None clips nothing."""
    if largest is not None:
        norm = torch.nn.utils.get_total_norm(gradients(model))
        torch._foreach_mul_(gradients(model), torch.clamp(largest / norm, max=1.0))


def log(workload, global_step, loss, model):
    """Logs about a thousand times in a run, where something listens."""
    every = max(1, workload.step_hint // 1000)
    if workload.metrics_logger is not None and global_step % every == 0:
        workload.metrics_logger.append_scalar_metrics(
            {"loss": loss, "grad_norm": torch.nn.utils.get_total_norm(gradients(model))},
            global_step,
        )


def data_selection(
    workload,
    input_queue,
    optimizer_state,
    current_param_container,
    model_state,
    hyperparameters,
    global_step,
    rng,
):
    return next(input_queue)
