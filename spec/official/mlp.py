"""Official names of spec/models.proto, `Mlp`."""

from collections.abc import Iterator

from spec.models_pb2 import Mlp


def jax_names(config: Mlp) -> Iterator[tuple[str, str]]:
    yield "hidden", "Dense_0"
    yield "head", "Dense_1"


def pytorch_names(config: Mlp) -> Iterator[tuple[str, str]]:
    yield "hidden", "net.layer1"
    yield "head", "net.layer2"
