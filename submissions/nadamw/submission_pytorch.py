"""NadamW in PyTorch: p <- p - lr (u + wd p) with Nadam's direction u."""

from submissions.common import points, training_pytorch
from submissions.common.nadam_pytorch import NadamW
from submissions.common.schedules import warmup_cosine

EPSILON = 1e-8


def optimizer(workload, model, point):
    return NadamW(
        model.parameters(),
        1 - point.one_minus_beta1,
        point.beta2,
        EPSILON,
        point.weight_decay,
    )


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, warmup_cosine, self_tuning=points.listed(__file__)[-1]
)
data_selection = training_pytorch.data_selection
