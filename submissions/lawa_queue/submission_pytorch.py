"""NadamW in PyTorch, evaluated at the mean of its latest parameters. README.md has the formulas."""

import torch

from submissions.common import batch_sizes, training_pytorch
from submissions.common.lawa_pytorch import functions
from submissions.lawa_queue.settings import BATCH_SIZES


class Queue:
    """The state is a list of the latest parameters, the oldest first."""

    @staticmethod
    def init(params, point):
        return []

    @staticmethod
    def update(state, params, point):
        return [*state, [p.clone() for p in params]][-point.k :]

    @staticmethod
    def value(state, params):
        if not state:
            return params
        total = [torch.clone(p) for p in state[0]]
        for latest in state[1:]:
            torch._foreach_add_(total, latest)
        return torch._foreach_div(total, len(state))


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(Queue)
data_selection = training_pytorch.data_selection
