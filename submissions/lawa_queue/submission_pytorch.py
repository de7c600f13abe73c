"""NadamW in PyTorch, evaluated at the mean of its latest parameters. README.md has the formulas."""

import torch

from submissions.common import batch_sizes, training_pytorch
from submissions.common.lawa_pytorch import functions
from submissions.lawa_queue.settings import BATCH_SIZES


class Queue:
    """The state is a list of the k latest parameters, the oldest first, of which `num_averaged` so far
    were taken in; zeros before the first of them.
    """

    @staticmethod
    def init(params, point):
        def zeros():
            return {name: torch.zeros_like(p) for name, p in params.items()}

        return {"num_averaged": 0, "latest": [zeros() for _ in range(point.k)]}

    @staticmethod
    def update(state, params, point):
        copies = {name: p.clone() for name, p in params.items()}
        latest = [*state["latest"][1:], copies]
        return {"num_averaged": state["num_averaged"] + 1, "latest": latest}

    @staticmethod
    def value(state, params):
        count = min(state["num_averaged"], len(state["latest"]))
        if count == 0:
            return params
        return {name: sum(p[name] for p in state["latest"]) / count for name in params}


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(Queue)
data_selection = training_pytorch.data_selection
