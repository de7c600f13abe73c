"""Graphs of all sizes as batches of one shape.

A batch has parts, so that devices can share it (`GraphPacking` in spec/workload.proto), and the
first axis of all its arrays is that of parts. P parts of b = B / P graphs at most have, with
N = b * nodes_per_graph + 1 nodes, E = b * edges_per_graph edges and G = b + 1 graphs:

    inputs: nodes float32 [P, N, features], edges float32 [P, E, features],
            senders, receivers int32 [P, E] (nodes of the same part),
            n_node, n_edge int32 [P, G] (of each graph; they add up to N and E)
    targets, weights: float32 [P, G, labels]; weights are 0 where a label is not known

Every edge stands there in both directions: first all of a graph's, then all of them reversed. The
graph after the last real one takes all nodes and edges that are left; its edges lead from its first
node to itself. Its features and those of the empty graphs after it are 0.
"""

import dataclasses

import numpy as np

from inputs.packing import Budget
from inputs.pipeline import Batch
from spec.workload_pb2 import GraphPacking

UNKNOWN = -1  # a label that is not known


@dataclasses.dataclass(frozen=True)
class Graphs:
    """n graphs, one after the other.

    Attributes:
      num_nodes, num_edges: integers [n].
      nodes: features of all nodes, [sum of num_nodes, features].
      edges: features of all edges, [sum of num_edges, features].
      ends: the two nodes of each edge, numbered within its graph, [sum of num_edges, 2].
      labels: 0, 1 or UNKNOWN, [n, labels].
    """

    num_nodes: np.ndarray
    num_edges: np.ndarray
    nodes: np.ndarray
    edges: np.ndarray
    ends: np.ndarray
    labels: np.ndarray


class GraphSource:
    """Packed batches of graphs (inputs/pipeline.py, `PackedSource`)."""

    noise_size = 0

    def __init__(
        self, graphs: Graphs, splits: dict[str, np.ndarray], packing: GraphPacking, sha256: str
    ):
        """`splits` has the numbers of each split's graphs."""
        self.num_parts = packing.num_parts
        self.sha256 = sha256
        self._graphs, self._splits, self._packing = graphs, splits, packing
        self._first_node = np.cumsum(graphs.num_nodes, dtype=np.int64) - graphs.num_nodes
        self._first_edge = np.cumsum(graphs.num_edges, dtype=np.int64) - graphs.num_edges

    def num_examples(self, split: str) -> int:
        return len(self._splits[split])

    def sizes(self, split: str) -> np.ndarray:
        """[n, 2]: nodes, and edges in both directions."""
        chosen = self._splits[split]
        return np.stack([self._graphs.num_nodes[chosen], 2 * self._graphs.num_edges[chosen]], 1)

    def budget(self, batch_size: int) -> Budget:
        size = batch_size // self.num_parts
        packing = self._packing
        return Budget(size, (size * packing.nodes_per_graph, size * packing.edges_per_graph))

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        """The graphs at `indices` [P, b], where -1 follows the last of a part."""
        graphs, (num_parts, size) = self._graphs, indices.shape
        total_nodes = size * self._packing.nodes_per_graph + 1
        total_edges = size * self._packing.edges_per_graph
        taken = np.pad(indices >= 0, ((0, 0), (0, 1)))
        chosen = self._splits[split][indices[indices >= 0]]
        num_nodes, num_edges = graphs.num_nodes[chosen], graphs.num_edges[chosen]
        n_node, n_edge = np.zeros((2, num_parts, size + 1), np.int32)
        n_node[taken], n_edge[taken] = num_nodes, 2 * num_edges
        real_nodes, real_edges = n_node.sum(1), n_edge.sum(1)
        first_node = (np.cumsum(n_node, 1) - n_node)[taken]
        after_last = np.arange(num_parts), taken.sum(1)
        n_node[after_last], n_edge[after_last] = total_nodes - real_nodes, total_edges - real_edges

        # Each graph's edges come twice.
        both_ways = np.repeat(num_edges, 2)
        rows = _ranges(np.repeat(self._first_edge[chosen], 2), both_ways)
        is_reversed = np.repeat(np.arange(len(both_ways)) % 2 == 1, both_ways)
        ends = graphs.ends[rows] + np.repeat(first_node, 2 * num_edges)[:, None]
        ends[is_reversed] = ends[is_reversed, ::-1]

        is_node = np.arange(total_nodes) < real_nodes[:, None]
        is_edge = np.arange(total_edges) < real_edges[:, None]
        nodes = np.zeros((num_parts, total_nodes, graphs.nodes.shape[1]), np.float32)
        nodes[is_node] = graphs.nodes[_ranges(self._first_node[chosen], num_nodes)]
        edges = np.zeros((num_parts, total_edges, graphs.edges.shape[1]), np.float32)
        edges[is_edge] = graphs.edges[rows]
        senders = np.repeat(real_nodes[:, None].astype(np.int32), total_edges, 1)
        receivers = senders.copy()
        senders[is_edge], receivers[is_edge] = ends.T

        labels = np.full((*taken.shape, graphs.labels.shape[1]), UNKNOWN, np.int8)
        labels[taken] = graphs.labels[chosen]
        return {
            "inputs": {
                "nodes": nodes,
                "edges": edges,
                "senders": senders,
                "receivers": receivers,
                "n_node": n_node,
                "n_edge": n_edge,
            },
            "targets": np.maximum(labels, 0).astype(np.float32),
            "weights": (labels != UNKNOWN).astype(np.float32),
        }


def _ranges(first: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """first[0], first[0] + 1 ... (counts[0] of them), then those from first[1], and so on."""
    ends = np.cumsum(counts, dtype=np.int64)
    return np.repeat(first - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)
