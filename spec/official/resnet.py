"""Official names of spec/models.proto, `ResNet`."""

from collections.abc import Iterator

from spec.models_pb2 import ResNet


def jax_names(config: ResNet) -> Iterator[tuple[str, str]]:
    yield "stem_conv", "Conv_init"
    yield "stem_batchnorm", "BatchNorm_init"
    bottleneck = config.block == ResNet.BOTTLENECK
    official = "BottleneckResNetBlock" if bottleneck else "ResNetBlock"
    for number in range(sum(config.blocks_per_stage)):
        block = f"{official}_{number}"
        for part in range(3 if bottleneck else 2):
            yield f"blocks.{number}.conv{part + 1}", f"{block}/Conv_{part}"
            yield f"blocks.{number}.batchnorm{part + 1}", f"{block}/BatchNorm_{part}"
        yield f"blocks.{number}.shortcut.conv", f"{block}/Conv_proj"
        yield f"blocks.{number}.shortcut.batchnorm", f"{block}/BatchNorm_proj"
    yield "head", "Dense_0"
