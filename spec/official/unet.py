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


def pytorch_names(config: UNet) -> Iterator[tuple[str, str]]:
    last = config.depth - 1
    for level in range(config.depth):
        yield from _pytorch_block(f"down.{level}", f"down_sample_layers.{level}")
        # The head stands behind the last block.
        place = f"up_conv.{level}.0" if level == last else f"up_conv.{level}"
        yield from _pytorch_block(f"up.{level}.block", place)
        yield f"up.{level}.transposed_conv", f"up_transpose_conv.{level}.layers.0"
    yield from _pytorch_block("bottleneck", "conv")
    yield "head_conv", f"up_conv.{last}.1"


def _pytorch_block(ours: str, official: str) -> Iterator[tuple[str, str]]:
    for part, place in enumerate((0, 4)):  # norm, activation and dropout follow each convolution
        yield f"{ours}.conv{part + 1}", f"{official}.conv_layers.{place}"
        yield f"{ours}.layernorm{part + 1}", f"{official}.conv_layers.{place + 1}"
