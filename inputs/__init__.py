"""Framework-neutral input pipelines: (workload, split, seed, shard) -> dicts of numpy arrays."""
