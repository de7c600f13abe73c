"""NadamW in PyTorch, evaluated at a moving average of its parameters. README.md has the formulas."""

import torch

from submissions.common import batch_sizes, training_pytorch
from submissions.common.lawa_pytorch import functions
from submissions.lawa_ema.settings import BATCH_SIZES


class MovingAverage:
    """The state is the average of the parameters, of which `num_averaged` so far were taken in."""

    @staticmethod
    def init(params, point):
        zeros = {name: torch.zeros_like(p) for name, p in params.items()}
        return {"num_averaged": 0, "average": zeros}

    @staticmethod
    def update(state, params, point):
        weight = 1 - point.lawa_beta if state["num_averaged"] else 1.0
        torch._foreach_lerp_(list(state["average"].values()), list(params.values()), weight)
        return state | {"num_averaged": state["num_averaged"] + 1}

    @staticmethod
    def value(state, params):
        return state["average"] if state["num_averaged"] else params


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(MovingAverage)
data_selection = training_pytorch.data_selection
