"""Official names of spec/models.proto, `UNet`."""

from collections.abc import Iterator

from spec.models_pb2 import UNet


def jax_names(config: UNet) -> Iterator[tuple[str, str]]:
    depth = config.depth
    for level in range(depth):
        yield from _conv_block(f"down.{level}", level)
        yield from _conv_block(f"up.{level}.block", depth + 1 + level)
        yield f"up.{level}.transposed_conv", f"TransposeConvBlock_{level}/ConvTranspose_0"
    yield from _conv_block("bottleneck", depth)
    yield "head_conv", "Conv_0"


def _conv_block(ours: str, number: int) -> Iterator[tuple[str, str]]:
    for part in range(2):
        yield f"{ours}.conv{part + 1}", f"ConvBlock_{number}/Conv_{part}"
        yield f"{ours}.layernorm{part + 1}", f"ConvBlock_{number}/LayerNorm_{part}"
