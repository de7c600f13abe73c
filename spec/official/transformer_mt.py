"""Official names of spec/models.proto, `TransformerMT`."""

from collections.abc import Iterator

from spec.models_pb2 import TransformerMT


def jax_names(config: TransformerMT) -> Iterator[tuple[str, str]]:
    yield "embedding", "shared_embedding"
    for number in range(config.depth):
        yield from _block(f"encoder.{number}", f"encoder/encoderblock_{number}", config.gated)
    yield "encoder_layernorm", "encoder/encoder_layernorm"
    for number in range(config.depth):
        ours, official = f"decoder.{number}", f"decoder/encoderdecoderblock_{number}"
        yield from _block(ours, official, config.gated)
        yield f"{ours}.layernorm3", f"{official}/LayerNorm_2"
        yield from _attention(f"{ours}.cross_attention", f"{official}/{ATTENTION}_1")
    yield "decoder_layernorm", "decoder/encoderdecoder_layernorm"


ATTENTION = "MultiHeadDotProductAttention"


def _block(ours: str, official: str, gated: bool) -> Iterator[tuple[str, str]]:
    for number in (1, 2):
        yield f"{ours}.layernorm{number}", f"{official}/LayerNorm_{number - 1}"
    yield from _attention(f"{ours}.attention", f"{official}/{ATTENTION}_0")
    parts = ("dense1", "gate", "dense2") if gated else ("dense1", "dense2")
    for number, part in enumerate(parts):
        yield f"{ours}.mlp.{part}", f"{official}/MlpBlock_0/Dense_{number}"


def _attention(ours: str, official: str) -> Iterator[tuple[str, str]]:
    for part in ("query", "key", "value", "out"):
        yield f"{ours}.{part}", f"{official}/{part}"


def pytorch_names(config: TransformerMT) -> Iterator[tuple[str, str]]:
    yield "embedding", "shared_embedding"
    for number in range(config.depth):
        yield from _pytorch_block(f"encoder.{number}", f"encoder.encoder.layers.{number}")
    yield "encoder_layernorm", "encoder.encoder.norm"
    for number in range(config.depth):
        ours, official = f"decoder.{number}", f"decoder.decoder.layers.{number}"
        yield from _pytorch_block(ours, official)
        yield f"{ours}.layernorm3", f"{official}.norm3"
        yield f"{ours}.cross_attention.query", f"{official}.multihead_attn.q_proj"
        yield f"{ours}.cross_attention.key", f"{official}.multihead_attn.kv_proj"
        yield f"{ours}.cross_attention.value", f"{official}.multihead_attn.kv_proj"
        yield f"{ours}.cross_attention.out", f"{official}.multihead_attn.out_proj"
    yield "decoder_layernorm", "decoder.decoder.norm"


def _pytorch_block(ours: str, official: str) -> Iterator[tuple[str, str]]:
    for number in (1, 2):
        yield f"{ours}.layernorm{number}", f"{official}.norm{number}"
    for part in ("query", "key", "value"):
        yield f"{ours}.attention.{part}", f"{official}.self_attn.in_proj"
    yield f"{ours}.attention.out", f"{official}.self_attn.out_proj"
    yield f"{ours}.mlp.dense1", f"{official}.linear1"
    yield f"{ours}.mlp.gate", f"{official}.linear_glu"
    yield f"{ours}.mlp.dense2", f"{official}.linear2"
