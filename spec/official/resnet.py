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


def pytorch_names(config: ResNet) -> Iterator[tuple[str, str]]:
    yield "stem_conv", "conv1"
    yield "stem_batchnorm", "bn1"
    places = (
        f"layer{stage + 1}.{place}"
        for stage, count in enumerate(config.blocks_per_stage)
        for place in range(count)
    )
    for number, block in enumerate(places):
        for part in range(1, 4):
            yield f"blocks.{number}.conv{part}", f"{block}.conv{part}"
            yield f"blocks.{number}.batchnorm{part}", f"{block}.bn{part}"
        yield f"blocks.{number}.shortcut.conv", f"{block}.downsample.conv"
        yield f"blocks.{number}.shortcut.batchnorm", f"{block}.downsample.bn"
    yield "head", "fc"
