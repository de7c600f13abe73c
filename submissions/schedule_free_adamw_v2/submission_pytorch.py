"""Schedule-Free AdamW in PyTorch, as published for version 0.6 of the benchmark."""

from submissions.common import batch_sizes, points, training_pytorch
from submissions.common.schedule_free_pytorch import functions
from submissions.schedule_free_adamw_v2.variant import BATCH_SIZES, VARIANT

get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(
    VARIANT, self_tuning=points.listed(__file__, "self_tuning.json")[0]
)
data_selection = training_pytorch.data_selection
