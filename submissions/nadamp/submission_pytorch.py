"""NadamP in PyTorch: NadamW with (v / (1 - b2^t))^(1/power) in its denominator."""

from submissions.common import training_pytorch
from submissions.common.nadam_pytorch import NadamW
from submissions.common.schedules import warmup_cosine_fractions

EPSILON = 1e-8


def optimizer(workload, model, point):
    return NadamW(
        model.parameters(), point.beta1, point.beta2, EPSILON, point.weight_decay, point.power
    )


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, warmup_cosine_fractions
)
data_selection = training_pytorch.data_selection
