"""`algoperf.jax_sharding_utils`: where arrays live, for `jax.jit`."""

from backends.jax.placement import get_batch_dim_sharding, get_replicate_sharding

__all__ = ["get_batch_dim_sharding", "get_replicate_sharding"]
