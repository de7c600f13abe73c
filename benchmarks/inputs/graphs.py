"""OGBG: random graphs of the published molecules' sizes. Their arrays lie in memory; those of
prepared files are mapped into it.
"""

from pathlib import Path

import numpy as np

from benchmarks.inputs.case import Case, Measured
from inputs import pipeline
from inputs.graphs import Graphs, GraphSource
from spec import loading

NUM_GRAPHS = 50_000
MEAN_NODES, STD_NODES = 25.5, 6.2  # of ogbg-molpcba
EDGES_PER_NODE = 1.08
BATCH = 512


def molecules() -> GraphSource:
    draw = np.random.default_rng(0)
    num_nodes = np.clip(draw.normal(MEAN_NODES, STD_NODES, NUM_GRAPHS), 2, 200).astype(np.uint16)
    num_edges = (num_nodes * EDGES_PER_NODE).astype(np.uint16)
    total_nodes, total_edges = int(num_nodes.sum()), int(num_edges.sum())
    ends = draw.random((total_edges, 2)) * np.repeat(num_nodes, num_edges)[:, None]
    graphs = Graphs(
        num_nodes=num_nodes,
        num_edges=num_edges,
        nodes=draw.integers(0, 100, (total_nodes, 9), np.uint8),
        edges=draw.integers(0, 5, (total_edges, 3), np.uint8),
        ends=ends.astype(np.uint16),
        labels=draw.integers(-1, 2, (NUM_GRAPHS, 128), np.int8),
    )
    packing = loading.load_workload("ogbg").dataset.ogbg.packing
    return GraphSource(graphs, {"train": np.arange(NUM_GRAPHS)}, packing, sha256="")


def batched(folder: Path) -> Measured:
    """Training batches of two epochs, with their shuffling and packing."""
    source = molecules()

    def go_through() -> float:
        count = 0
        for step in range(2 * NUM_GRAPHS // BATCH):
            batch = pipeline.train_batch(source, 0, BATCH, slice(None), step)
            count += int(batch["weights"].any(-1).sum())  # of padding all labels are unknown
        return count

    return go_through


CASES = [Case("ogbg, batched", "graphs", 15_000, batched)]
