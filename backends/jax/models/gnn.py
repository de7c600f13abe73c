"""Graph network (Battaglia et al. 2018, arXiv 1806.01261) for properties of molecules.

What is unusual: features are numbers, embedded by affine maps; every round replaces edges, nodes
and graphs by the outputs of perceptrons, without residual connections; sums of edges go both to the
node they start from and to the node they end at; only the last graphs' vectors are decoded.

Graphs are packed (inputs/graphs.py): the first axis is that of parts, and nodes are numbered within
their part, so that nothing ever crosses parts and devices can share them.

Dimensions: P parts, G graphs, N nodes, E edges of a part, D width.
"""

import itertools
from collections.abc import Sequence

import jax
from flax import nnx
from jax import numpy as jnp

from backends.jax.layers import ACTIVATIONS, Array, Dense, Dropout, LayerNorm, Pass
from spec.models_pb2 import Gnn
from spec.parameter_pb2 import EMBEDDING

# Rows of an array [P, rows, D], all of them in their order or those of an index [P, E].
Input = tuple[Array, Array | None]


class Layer(nnx.Module):
    """x -> dropout(act(norm(dense x))), where x is several arrays side by side."""

    def __init__(self, config: Gnn, inputs: int, outputs: int):
        self.dense = Dense(inputs, outputs)
        self.layernorm = LayerNorm(outputs, epsilon=config.norm_epsilon)
        self.activation = ACTIVATIONS[config.activation]
        self.dropout = Dropout()

    def __call__(self, inputs: Sequence[Input], how: Pass) -> Array:
        x = dense_of_joined(self.dense, inputs)
        return self.dropout(self.activation(self.layernorm(x)), how)


class Mlp(nnx.Module):
    """[..., inputs] side by side -> [..., hidden_widths[-1]]."""

    def __init__(self, config: Gnn, inputs: int):
        widths = [inputs, *config.hidden_widths]
        self.layers = nnx.List([Layer(config, a, b) for a, b in itertools.pairwise(widths)])

    def __call__(self, inputs: Sequence[Input], how: Pass) -> Array:
        first, *others = self.layers
        x = first(inputs, how)
        for layer in others:
            x = layer([(x, None)], how)
        return x


class Round(nnx.Module):
    """New edges from edges, the nodes at their ends and graphs; then new nodes from nodes and new
    edges; then new graphs from both.
    """

    def __init__(self, config: Gnn, width: int, graph_width: int):
        """`width` is that of the nodes and edges that come in, `graph_width` of the graphs."""
        hidden = config.hidden_widths[-1]
        self.edge_mlp = Mlp(config, 3 * width + graph_width)
        self.node_mlp = Mlp(config, width + 2 * hidden + graph_width)
        self.graph_mlp = Mlp(config, 2 * hidden + graph_width)

    def __call__(
        self, nodes: Array, edges: Array, graphs: Array, links: "Links", how: Pass
    ) -> tuple[Array, Array, Array]:
        num_nodes, num_graphs = nodes.shape[1], graphs.shape[1]
        starts, ends = (nodes, links.senders), (nodes, links.receivers)
        of_edges = (graphs, links.graph_of_edge)
        edges = self.edge_mlp([(edges, None), starts, ends, of_edges], how)
        sent = sums(edges, links.senders, num_nodes)
        received = sums(edges, links.receivers, num_nodes)
        of_nodes = (graphs, links.graph_of_node)
        nodes = self.node_mlp([(nodes, None), (sent, None), (received, None), of_nodes], how)
        node_sums = sums(nodes, links.graph_of_node, num_graphs)
        edge_sums = sums(edges, links.graph_of_edge, num_graphs)
        graphs = self.graph_mlp([(node_sums, None), (edge_sums, None), (graphs, None)], how)
        return nodes, edges, graphs


class Links:
    """Who belongs to whom.

    Attributes:
      senders, receivers: [P, E], the nodes where edges start and end.
      graph_of_node: [P, N].
      graph_of_edge: [P, E].
    """

    def __init__(self, inputs: dict[str, Array]):
        self.senders, self.receivers = inputs["senders"], inputs["receivers"]
        self.graph_of_node = owners(inputs["n_node"], inputs["nodes"].shape[1])
        self.graph_of_edge = owners(inputs["n_edge"], inputs["edges"].shape[1])


class Model(nnx.Module):
    """packed graphs (inputs/graphs.py) -> logits [P, G, num_tasks]."""

    def __init__(self, config: Gnn):
        self.node_embedding = Dense(config.num_node_features, config.width, kernel_type=EMBEDDING)
        self.edge_embedding = Dense(config.num_edge_features, config.width, kernel_type=EMBEDDING)
        hidden = config.hidden_widths[-1]
        self.rounds = nnx.List([Round(config, config.width, config.num_tasks)])
        for _ in range(1, config.num_rounds):
            self.rounds.append(Round(config, hidden, hidden))
        self.decoder = Dense(hidden, config.num_tasks, output_layer=True)
        self.num_tasks = config.num_tasks

    def __call__(self, inputs: dict[str, Array], how: Pass) -> Array:
        links = Links(inputs)
        nodes_PND = self.node_embedding(inputs["nodes"])
        edges_PED = self.edge_embedding(inputs["edges"])
        graphs_PGD = jnp.zeros((*inputs["n_node"].shape, self.num_tasks), nodes_PND.dtype)
        for one in self.rounds:
            nodes_PND, edges_PED, graphs_PGD = one(nodes_PND, edges_PED, graphs_PGD, links, how)
        return self.decoder(graphs_PGD)


def dense_of_joined(dense: Dense, inputs: Sequence[Input]) -> Array:
    """`dense` of the inputs side by side, as the sum of products with parts of the kernel. Rows are
    taken of the products: there are twice as many edges as nodes.
    """
    ends = itertools.accumulate(x.shape[-1] for x, _ in inputs[:-1])
    kernels = jnp.split(dense.kernel[...], list(ends))
    total = dense.bias[...]
    for (x, index), kernel in zip(inputs, kernels, strict=True):
        product = x @ kernel
        total = total + (product if index is None else rows(product, index))
    return total


@jax.vmap
def rows(x_PND: Array, index_PE: Array) -> Array:
    """[P, E, D]: row index[p, e] of x[p]."""
    return jnp.take(x_PND, index_PE, 0, mode="clip")


def sums(x_PED: Array, index_PE: Array, count: int) -> Array:
    """[P, count, D]: row i of part p is the sum of the rows e of x[p] with index[p, e] = i, added
    in their order.
    """
    return jax.vmap(lambda x, index: jax.ops.segment_sum(x, index, count))(x_PED, index_PE)


def owners(sizes_PG: Array, count: int) -> Array:
    """[P, count]: 0 sizes[p, 0] times, then 1 sizes[p, 1] times ..., int32."""
    numbers = jnp.arange(sizes_PG.shape[1], dtype=jnp.int32)
    return jax.vmap(lambda sizes: jnp.repeat(numbers, sizes, total_repeat_length=count))(sizes_PG)
