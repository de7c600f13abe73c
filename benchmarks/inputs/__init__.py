"""Throughput of the input pipelines: `python -m benchmarks.inputs`."""
