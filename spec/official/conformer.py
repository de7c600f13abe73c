"""Official names of spec/models.proto, `Conformer`."""

from collections.abc import Iterator

from spec.models_pb2 import Conformer
from spec.official.speech import pytorch_norm, pytorch_subsampling, subsampling


def jax_names(config: Conformer) -> Iterator[tuple[str, str]]:
    yield from subsampling()
    for number in range(config.depth):
        yield from _block(f"blocks.{number}", f"ConformerBlock_{number}")
    yield "layernorm", "LayerNorm_0"
    yield "head", "Dense_0"


def _block(ours: str, official: str) -> Iterator[tuple[str, str]]:
    for number in range(2):
        module, name = f"{ours}.feed_forward{number + 1}", f"{official}/FeedForwardModule_{number}"
        yield f"{module}.layernorm", f"{name}/LayerNorm_0"
        yield f"{module}.dense1", f"{name}/Dense_0"
        yield f"{module}.dense2", f"{name}/Dense_1"
    module, name = f"{ours}.attention", f"{official}/MultiHeadedSelfAttention_0"
    yield f"{module}.layernorm", f"{name}/LayerNorm_0"
    inner = f"{name}/MultiHeadDotProductAttention_0"
    for part in ("query", "key", "value", "out"):
        yield f"{module}.{part}", f"{inner}/{part}"
    yield f"{module}.query_scale", f"{inner}/QueryScaler_0"
    module, name = f"{ours}.convolution", f"{official}/ConvolutionBlock_0"
    yield f"{module}.layernorm", f"{name}/LayerNorm_0"
    for number, part in enumerate(("dense1", "gate", "dense2")):
        yield f"{module}.{part}", f"{name}/Dense_{number}"
    yield f"{module}.depthwise_conv", f"{name}/Conv_0"
    yield f"{module}.batchnorm", f"{name}/BatchNorm_0"
    yield f"{ours}.layernorm", f"{official}/LayerNorm_0"


def pytorch_names(config: Conformer) -> Iterator[tuple[str, str]]:
    yield from pytorch_subsampling("linear")
    for number in range(config.depth):
        yield from _pytorch_block(f"blocks.{number}", f"conformers.{number}")
    yield from pytorch_norm("layernorm", "ln")
    yield "head", "lin"


def _pytorch_block(ours: str, official: str) -> Iterator[tuple[str, str]]:
    for number in (1, 2):
        module, name = f"{ours}.feed_forward{number}", f"{official}.ff{number}"
        yield from pytorch_norm(f"{module}.layernorm", f"{name}.ln")
        yield f"{module}.dense1", f"{name}.linear1"
        yield f"{module}.dense2", f"{name}.linear2"
    module, name = f"{ours}.attention", f"{official}.mhsa"
    yield from pytorch_norm(f"{module}.layernorm", f"{name}.ln")
    for part in ("query", "key", "value"):
        yield f"{module}.{part}", f"{name}.self_attention.in_proj"
    yield f"{module}.out", f"{name}.self_attention.out_proj"
    yield f"{module}.query_scale.scale", f"{name}.self_attention.qs.scale"
    module, name = f"{ours}.convolution", f"{official}.conv"
    yield from pytorch_norm(f"{module}.layernorm", f"{name}.ln")
    for number, part in enumerate(("dense1", "gate", "dense2"), start=1):
        yield f"{module}.{part}", f"{name}.lin{number}"
    yield f"{module}.depthwise_conv", f"{name}.conv1"
    yield from pytorch_norm(f"{module}.batchnorm", f"{name}.bn")
    yield from pytorch_norm(f"{ours}.layernorm", f"{official}.ln")
