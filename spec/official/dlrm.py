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


def pytorch_names(config: Dlrm) -> Iterator[tuple[str, str]]:
    for chunk in range(4):
        yield "embedding.embedding", f"embedding_chunk_{chunk}"
    yield "embedding_layernorm", "embed_ln"
    residual = config.interaction == Dlrm.RESIDUAL
    step = 3 if config.layer_norm else 2  # a dense layer, its activation, its norm
    num_bottom, num_top = len(config.bottom_widths), len(config.top_widths)
    for part, mlp, count in (("bottom", "bot_mlp", num_bottom), ("top", "top_mlp", num_top)):
        for number in range(count):
            place = f"{number}.module.0" if residual else step * number
            yield f"{part}.{number}.dense", f"{mlp}.{place}"
            yield f"{part}.{number}.layernorm", f"{mlp}.{step * number + 2}"
    head = f"{num_top}.module.0" if residual else step * num_top + 1  # dropout stands before it
    yield "head", f"top_mlp.{head}"
