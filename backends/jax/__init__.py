"""The JAX backend (flax.nnx)."""
