"""NadamW in PyTorch, evaluated at a moving average of its parameters. README.md has the formulas."""

import torch

from submissions.common import batch_sizes, training_pytorch
from submissions.common.lawa_pytorch import functions
from submissions.lawa_ema.settings import BATCH_SIZES


class MovingAverage:
    """The state is the average, empty before the first parameters were taken in."""

    @staticmethod
    def init(params, point):
        return []

    @staticmethod
    def update(state, params, point):
        if not state:
            return [p.clone() for p in params]
        torch._foreach_lerp_(state, params, 1 - point.lawa_beta)
        return state

    @staticmethod
    def value(state, params):
        return state or params


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(MovingAverage)
data_selection = training_pytorch.data_selection
