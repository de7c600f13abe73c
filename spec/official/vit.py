"""Official names of spec/models.proto, `ViT`."""

from collections.abc import Iterator

from spec.models_pb2 import ViT


def jax_names(config: ViT) -> Iterator[tuple[str, str]]:
    yield "patch_conv", "conv_patch_extract"
    for number in range(config.depth):
        ours, official = f"blocks.{number}", f"Transformer/encoderblock_{number}"
        yield f"{ours}.layernorm1", f"{official}/LayerNorm_0"
        yield from _attention(f"{ours}.attention", f"{official}/MultiHeadDotProductAttention_1")
        yield f"{ours}.layernorm2", f"{official}/LayerNorm_2"
        yield from _mlp(f"{ours}.mlp", f"{official}/MlpBlock_3", gated=config.gated)
    yield "layernorm", "Transformer/encoder_layernorm"
    pool = "MAPHead_0"
    yield "attention_pool.probe", f"{pool}/probe"
    yield from _attention("attention_pool.attention", f"{pool}/MultiHeadDotProductAttention_0")
    yield "attention_pool.layernorm", f"{pool}/LayerNorm_0"
    yield from _mlp("attention_pool.mlp", f"{pool}/MlpBlock_0", gated=False)
    yield "pre_logits", "pre_logits"
    yield "head", "head"


def _attention(ours: str, official: str) -> Iterator[tuple[str, str]]:
    for part in ("query", "key", "value", "out"):
        yield f"{ours}.{part}", f"{official}/{part}"


def _mlp(ours: str, official: str, *, gated: bool) -> Iterator[tuple[str, str]]:
    parts = ("dense1", "gate", "dense2") if gated else ("dense1", "dense2")
    for number, part in enumerate(parts):
        yield f"{ours}.{part}", f"{official}/Dense_{number}"


def pytorch_names(config: ViT) -> Iterator[tuple[str, str]]:
    yield "patch_conv", "conv_patch_extract"
    for number in range(config.depth):
        ours, official = f"blocks.{number}", f"encoder.net.{number}"
        yield f"{ours}.layernorm1", f"{official}.layer_norm0"
        for part in ("query", "key", "value", "out"):
            yield f"{ours}.attention.{part}", f"{official}.self_attention1.{part}"
        yield f"{ours}.layernorm2", f"{official}.layer_norm2"
        yield from _pytorch_mlp(f"{ours}.mlp", f"{official}.mlp3")
    yield "layernorm", "encoder.encoder_norm"
    yield "attention_pool.probe", "map.probe"
    yield "attention_pool.attention.query", "map.mha.q_proj"
    yield "attention_pool.attention.key", "map.mha.kv_proj"
    yield "attention_pool.attention.value", "map.mha.kv_proj"
    yield "attention_pool.attention.out", "map.mha.out_proj"
    yield "attention_pool.layernorm", "map.layer_norm"
    yield from _pytorch_mlp("attention_pool.mlp", "map.mlp")
    yield "pre_logits", "pre_logits"
    yield "head", "head"


def _pytorch_mlp(ours: str, official: str) -> Iterator[tuple[str, str]]:
    yield f"{ours}.dense1", f"{official}.linear1"
    yield f"{ours}.gate", f"{official}.glu_linear"
    yield f"{ours}.dense2", f"{official}.linear2"
