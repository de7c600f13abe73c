"""Official names that speech models share."""

from collections.abc import Iterator


def subsampling() -> Iterator[tuple[str, str]]:
    yield "subsampling.conv1", "Subsample_0/Conv2dSubsampling_0"
    yield "subsampling.conv2", "Subsample_0/Conv2dSubsampling_1"
    yield "subsampling.dense", "Subsample_0/Dense_0"
