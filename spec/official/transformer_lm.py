"""Official names of spec/models.proto, `TransformerLM`."""

from collections.abc import Iterator

from spec.models_pb2 import TransformerLM


def jax_names(config: TransformerLM) -> Iterator[tuple[str, str]]:
    yield "embedding", "embed"
    for number in range(config.depth):
        ours, official = f"blocks.{number}", f"blocks_{number}"
        yield f"{ours}.rmsnorm1", f"{official}/RMSNorm_0"
        yield f"{ours}.attention.query_scale", f"{official}/CausalAttn_0/attn_scale"
        for part in ("query", "key", "value"):
            yield f"{ours}.attention.{part}", f"{official}/CausalAttn_0/{part}"
        yield f"{ours}.attention.out", f"{official}/CausalAttn_0/attn_out_proj"
        yield f"{ours}.rmsnorm2", f"{official}/RMSNorm_1"
        yield f"{ours}.mlp.dense1", f"{official}/Mlp_0/Dense_0"
        yield f"{ours}.mlp.dense2", f"{official}/Mlp_0/Dense_1"
    yield "rmsnorm", "out_ln"


def pytorch_names(config: TransformerLM) -> Iterator[tuple[str, str]]:
    yield "embedding", "embed_tokens"
    for number in range(config.depth):
        ours, official = f"blocks.{number}", f"layers.{number}"
        yield f"{ours}.rmsnorm1", f"{official}.attn_norm"
        yield f"{ours}.attention.query_scale", f"{official}.attn.attn_scale"
        for part in ("query", "key", "value"):
            yield f"{ours}.attention.{part}", f"{official}.attn.w_qkv"
        yield f"{ours}.attention.out", f"{official}.attn.w_out"
        yield f"{ours}.rmsnorm2", f"{official}.mlp_norm"
        yield f"{ours}.mlp.dense1", f"{official}.mlp.fc1"
        yield f"{ours}.mlp.dense2", f"{official}.mlp.fc2"
    yield "rmsnorm", "out_norm"
