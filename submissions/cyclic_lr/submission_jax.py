"""NadamW in cycles in JAX."""

from submissions.common import training_jax
from submissions.cyclic_lr.cycles import warmup_cosine_cycles
from submissions.nadamw.submission_jax import optimizer

get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(
    optimizer, warmup_cosine_cycles
)
data_selection = training_jax.data_selection
