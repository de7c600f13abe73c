"""Official names of spec/models.proto, `Gnn`."""

from collections.abc import Iterator

from spec.models_pb2 import Gnn

PARTS = ("edge_mlp", "node_mlp", "graph_mlp")
PYTORCH_PARTS = ("update_edge_fn", "update_node_fn", "update_global_fn")


def jax_names(config: Gnn) -> Iterator[tuple[str, str]]:
    yield "node_embedding", "node_embedding"
    yield "edge_embedding", "edge_embedding"
    layers = [
        f"rounds.{number}.{part}.layers.{layer}"
        for number in range(config.num_rounds)
        for part in PARTS
        for layer in range(len(config.hidden_widths))
    ]
    for number, layer in enumerate(layers):
        yield f"{layer}.dense", f"Dense_{number}"
        yield f"{layer}.layernorm", f"LayerNorm_{number}"
    yield "decoder", f"Dense_{len(layers)}"


def pytorch_names(config: Gnn) -> Iterator[tuple[str, str]]:
    yield "node_embedding", "node_embedder"
    yield "edge_embedding", "edge_embedder"
    for number in range(config.num_rounds):
        for part, function in zip(PARTS, PYTORCH_PARTS, strict=True):
            ours, official = f"rounds.{number}.{part}", f"graph_network.{number}.{function}"
            for layer in range(len(config.hidden_widths)):
                yield f"{ours}.layers.{layer}.dense", f"{official}.dense_{layer}"
                yield f"{ours}.layers.{layer}.layernorm", f"{official}.norm_{layer}"
    yield "decoder", "decoder"
