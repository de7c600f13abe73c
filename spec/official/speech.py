"""Official names that speech models share."""

from collections.abc import Iterator


def subsampling() -> Iterator[tuple[str, str]]:
    yield "subsampling.conv1", "Subsample_0/Conv2dSubsampling_0"
    yield "subsampling.conv2", "Subsample_0/Conv2dSubsampling_1"
    yield "subsampling.dense", "Subsample_0/Dense_0"


def pytorch_subsampling(dense: str) -> Iterator[tuple[str, str]]:
    """`dense` is what the module behind the convolutions is called."""
    for conv in ("conv1", "conv2"):
        yield f"subsampling.{conv}", f"subsample.{conv}"
        yield f"subsampling.{conv}.kernel", f"subsample.{conv}.kernel"
    yield "subsampling.dense", f"subsample.{dense}"


def pytorch_norm(ours: str, official: str) -> Iterator[tuple[str, str]]:
    """A norm of the official speech models' own, whose scale is called so and not `weight`."""
    yield ours, official
    yield f"{ours}.scale", f"{official}.scale"
