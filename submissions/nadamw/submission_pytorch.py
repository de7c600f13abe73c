"""NadamW in PyTorch.

m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
u = (b1 m + (1 - b1) g) / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps),  p <- p - lr_t (u + wd p).

torch.optim.NAdam follows Dozat's momentum schedule, which gives the gradient about half the weight;
so the update is written out, with PyTorch's fused operations over lists of tensors.
"""

import math

import torch

from spec.interface import ForwardPassMode
from submissions.nadamw.batch_sizes import baseline_batch_size
from submissions.nadamw.self_tuning import chosen

EPSILON = 1e-8

get_batch_size = baseline_batch_size


class NadamW(torch.optim.Optimizer):
    """The update above; t counts from 1. The learning rate of a step is its group's `lr`."""

    def __init__(self, params, b1: float, b2: float, epsilon: float, weight_decay: float):
        defaults = {"lr": 0.0, "b1": b1, "b2": b2, "epsilon": epsilon, "weight_decay": weight_decay}
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = {
                    "count": 0,
                    "first": torch.zeros_like(p, memory_format=torch.preserve_format),
                    "second": torch.zeros_like(p, memory_format=torch.preserve_format),
                }

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            states = [self.state[p] for p in params]
            for state in states:
                state["count"] += 1
            t = states[0]["count"]
            grads = [p.grad for p in params]
            first = [state["first"] for state in states]
            second = [state["second"] for state in states]
            b1, b2 = group["b1"], group["b2"]
            torch._foreach_lerp_(first, grads, 1 - b1)
            torch._foreach_mul_(second, b2)
            torch._foreach_addcmul_(second, grads, grads, 1 - b2)
            ahead = torch._foreach_lerp(first, grads, 1 - b1)
            scale = torch._foreach_sqrt(second)
            torch._foreach_div_(scale, math.sqrt(1 - b2**t))
            torch._foreach_add_(scale, group["epsilon"])
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_addcdiv_(params, ahead, scale, -group["lr"] / (1 - b1**t))


def learning_rate(count: int, peak: float, warmup_factor: float, num_steps: int) -> float:
    """Linear from 0 to `peak` over the warm-up, then half a cosine to 0 at `num_steps`, and 0 from
    there on.
    """
    warmup_steps = int(warmup_factor * num_steps)
    if count < warmup_steps:
        return peak * count / warmup_steps
    progress = min((count - warmup_steps) / max(num_steps - warmup_steps, 1), 1.0)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
    """Returns {"optimizer": NadamW, "count": steps taken}."""
    point = chosen(hyperparameters)
    optimizer = NadamW(
        model_params.parameters(),
        1 - point.one_minus_beta1,
        point.beta2,
        EPSILON,
        point.weight_decay,
    )
    return {"optimizer": optimizer, "count": 0}


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
    point = chosen(hyperparameters)
    optimizer = optimizer_state["optimizer"]
    logits, new_state = workload.model_fn(
        current_param_container,
        batch,
        model_state,
        ForwardPassMode.TRAIN,
        rng,
        update_batch_norm=True,
        dropout_rate=point.dropout_rate,
    )
    loss = workload.loss_fn(
        batch["targets"], logits, batch.get("weights"), label_smoothing=point.label_smoothing
    )
    mean_loss = loss["summed"] / loss["n_valid_examples"]
    optimizer.zero_grad(set_to_none=True)
    mean_loss.backward()
    optimizer.param_groups[0]["lr"] = learning_rate(
        optimizer_state["count"], point.learning_rate, point.warmup_factor, workload.step_hint
    )
    optimizer.step()
    optimizer_state["count"] += 1
    if (
        workload.metrics_logger is not None
        and global_step % max(1, workload.step_hint // 1000) == 0
    ):
        grad_norm = torch.nn.utils.get_total_norm(
            p.grad for p in current_param_container.parameters()
        )
        workload.metrics_logger.append_scalar_metrics(
            {"loss": mean_loss.detach(), "grad_norm": grad_norm}, global_step
        )
    return optimizer_state, current_param_container, new_state


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
