"""Official names of spec/models.proto, `Gnn`."""

from collections.abc import Iterator

from spec.models_pb2 import Gnn

PARTS = ("edge_mlp", "node_mlp", "graph_mlp")


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
