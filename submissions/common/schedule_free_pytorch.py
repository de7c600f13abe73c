"""Schedule-Free AdamW (Defazio et al. 2024, arXiv 2405.15682) in PyTorch, in its published variants.

Three sequences: z, the steps; x, their weighted mean, which is evaluated; y between them, where the
gradient is taken. At step t from 1, with learning rate lr_t:

s = lr_t sqrt(1 - b2^t),  v <- b2 v + (1 - b2) g^2,
z <- z - s (g / (sqrt(v) + eps) + wd q),  where q is x or y,
w = t^r lr_t^2,  c = w / (sum of w so far),  x <- (1 - c) x + c z,  y = (1 - b1) z + b1 x.

While training the parameters are y; x is computed from y and z. The package schedulefree removes
v's bias instead and decays by lr_t wd y.
"""

import math

import torch

from spec.interface import ForwardPassMode
from submissions.common import training_pytorch
from submissions.common.schedule_free import EPSILON


class ScheduleFree(torch.optim.Optimizer):
    """The update above; the learning rate of a step is its group's `lr`."""

    def __init__(self, params, point, variant):
        defaults = {
            "lr": 0.0,
            "b1": 1 - point.one_minus_beta1,
            "b2": point.beta2,
            "weight_decay": point.weight_decay,
            "count": 0,
            "weights": 0.0,  # sum of w
            "at_x": False,  # whether the parameters are x at the moment
        }
        super().__init__(params, defaults)
        self.variant = variant
        dtype = variant.second_moment and getattr(torch, variant.second_moment)
        for p in training_pytorch.parameters(self):
            self.state[p] = {"z": p.detach().clone(), "second": torch.zeros_like(p, dtype=dtype)}

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            group["count"] += 1
            t, lr = group["count"], group["lr"]
            weight = t**self.variant.power * lr**2
            group["weights"] += weight
            for p in group["params"]:
                if p.grad is not None:
                    self._step(p, group, t, lr, weight / group["weights"])

    def _step(self, y, group, t, lr, c):
        b1, b2, g, z = group["b1"], group["b2"], y.grad, self.state[y]["z"]
        second = self.state[y]["second"]
        second.copy_(b2 * second.to(g.dtype) + (1 - b2) * g * g)
        x = averaged(y, z, b1)
        q = y if self.variant.decay_at == "y" else x
        direction = g / (torch.sqrt(second.to(g.dtype)) + EPSILON)
        z.sub_(lr * math.sqrt(1 - b2**t) * (direction + group["weight_decay"] * q))
        y.copy_(between(x + c * (z - x), z, b1))

    @torch.no_grad()
    def move_to(self, x: bool):
        """Makes the parameters x, or y again."""
        for group in self.param_groups:
            if group["at_x"] != x:
                for p in group["params"]:
                    p.copy_((averaged if x else between)(p, self.state[p]["z"], group["b1"]))
                group["at_x"] = x


def averaged(y, z, b1):
    """x from y and z."""
    return (y - (1 - b1) * z) / b1


def between(x, z, b1):
    """y from x and z."""
    return (1 - b1) * z + b1 * x


@torch.no_grad()
def move_statistics(workload, model, model_state, batch, rng, dropout_rate):
    """A forward pass in training mode, for the batch statistics that stand in the model."""
    workload.model_fn(
        model,
        batch,
        model_state,
        ForwardPassMode.TRAIN,
        rng,
        update_batch_norm=True,
        dropout_rate=dropout_rate,
    )


def has_statistics(model):
    return any(name.endswith("running_mean") for name, _ in model.named_buffers())


def functions(variant, self_tuning, optimizer_class=ScheduleFree):
    """Returns (init_optimizer_state, update_params, prepare_for_eval) of a submission.

    The optimizer state is {"optimizer": optimizer_class}.

    Args:
      variant: of Schedule-Free.
      self_tuning: the point where the benchmark gives none.
      optimizer_class: ScheduleFree, or one that takes other steps.
    """

    def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
        point = hyperparameters or self_tuning
        return {"optimizer": optimizer_class(model_params.parameters(), point, variant)}

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
        point = hyperparameters or self_tuning
        model, optimizer = current_param_container, optimizer_state["optimizer"]
        due = variant.statistics_at_x
        if due is not None and due(global_step) and has_statistics(model):
            optimizer.move_to(x=True)
            dropout_rate = getattr(point, "dropout_rate", None)
            move_statistics(workload, model, model_state, batch, rng, dropout_rate)
        optimizer.move_to(x=False)
        loss, model_state = training_pytorch.set_gradients(
            workload, model, model_state, batch, rng, point, update_batch_norm=due is None
        )
        training_pytorch.log(workload, global_step, loss, model)
        training_pytorch.take_step(
            optimizer, variant.schedule(point, global_step, workload.step_hint)
        )
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
        """The parameters become x."""
        optimizer_state["optimizer"].move_to(x=True)
        return optimizer_state, current_param_container, model_state

    return init_optimizer_state, update_params, prepare_for_eval
