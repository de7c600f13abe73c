"""NadamW in cycles in PyTorch."""

from submissions.common import training_pytorch
from submissions.cyclic_lr.cycles import warmup_cosine_cycles
from submissions.nadamw.submission_pytorch import optimizer

get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, warmup_cosine_cycles
)
data_selection = training_pytorch.data_selection
