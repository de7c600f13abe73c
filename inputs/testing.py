"""For tests and benchmarks: files in their published formats, of random contents."""

import gzip
import json
from pathlib import Path

import numpy as np

from inputs import byte_pairs


def idx(array: np.ndarray) -> bytes:
    """An IDX file of bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def write_mnist(folder: Path, num_train: int, num_test: int) -> None:
    """The four files of MNIST; an image is brighter the higher its digit."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for prefix, count in (("train", num_train), ("t10k", num_test)):
        labels = random.integers(0, 10, count)
        images = random.integers(0, 30, (count, 28, 28)) + 25 * labels[:, None, None]
        for name, array in (
            (f"{prefix}-labels-idx1-ubyte", labels),
            (f"{prefix}-images-idx3-ubyte", images),
        ):
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array), 1, mtime=0))


def write_cifar10(folder: Path, num_per_file: int) -> None:
    """The six files of CIFAR-10."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for name in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
        records = random.integers(0, 256, (num_per_file, 3073), np.uint8)
        records[:, 0] %= 10
        (folder / f"{name}.bin").write_bytes(records.tobytes())


def criteo_lines(seed: int, count: int) -> bytes:
    """Lines of Criteo's click logs: of the values of a field a few are frequent, as in life; some
    are absent or negative.
    """
    random = np.random.default_rng(seed)
    absent = random.random((count, 39)) < 0.1
    integers = (2 ** (12 * random.random((count, 13)))).astype(int) - 3
    # Log-uniform ranks, spread over 32 bits.
    ranks = (2 ** (24 * random.random((count, 26)))).astype(np.uint64)
    fields = (
        (ranks + np.arange(26, dtype=np.uint64) * 1000) * np.uint64(2654435761) % np.uint64(2**32)
    )
    columns = [
        ["" if missing else pattern % value for missing, value in zip(*pair, strict=True)]
        for pattern, values, gaps in (
            ("%d", integers, absent[:, :13]),
            ("%08x", fields, absent[:, 13:]),
        )
        for pair in zip(gaps.T.tolist(), values.T.tolist(), strict=True)
    ]
    clicks = map(str, (random.random(count) < 0.03).astype(int).tolist())
    return "".join("\t".join(row) + "\n" for row in zip(clicks, *columns, strict=True)).encode()


MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "Ġw o"]


def write_vocabulary(folder: Path) -> None:
    """GPT-2's form: 256 bytes, one token a merge, the end token last."""
    merges = [tuple(line.split()) for line in MERGES]
    tokens = [*byte_pairs.printable_bytes(), *(a + b for a, b in merges), "<|endoftext|>"]
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", "utf-8")
