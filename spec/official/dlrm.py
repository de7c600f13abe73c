"""Official names of spec/models.proto, `Dlrm`."""

from collections.abc import Iterator

from spec.models_pb2 import Dlrm


def jax_names(config: Dlrm) -> Iterator[tuple[str, str]]:
    num_bottom, num_top = len(config.bottom_widths), len(config.top_widths)
    yield "embedding.embedding", "embedding_table"
    yield "embedding_layernorm", f"LayerNorm_{num_bottom}"
    for number in range(num_bottom):
        yield f"bottom.{number}.dense", f"Dense_{number}"
        yield f"bottom.{number}.layernorm", f"LayerNorm_{number}"
    for number in range(num_top):
        yield f"top.{number}.dense", f"Dense_{num_bottom + number}"
        yield f"top.{number}.layernorm", f"LayerNorm_{num_bottom + 1 + number}"
    yield "head", f"Dense_{num_bottom + num_top}"
