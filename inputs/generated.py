"""Source `generated`: examples of the schema of a real data set, made by the specification's
generator, with something to learn.

* IMAGES: each class has a smooth image of its own; an example is its class's image plus noise.
* CLICKS: dense features and ids each carry a hidden weight; a click is a positive sum plus noise.
* RECONSTRUCTIONS: a smooth image is the target; the input is the same, blurred, plus noise.
* SPEECH: tones that stand for digits, and their words; see inputs/generated_speech.py.

Everything is additions, multiplications and comparisons of float64, rounded once, so that the same
bytes come out on every machine.
"""

import hashlib

import numpy as np

from inputs import generated_speech
from inputs.drawing import integers, normal, uniform
from inputs.pipeline import Batch, map_arrays, named_arrays
from spec.loading import SpecError
from spec.workload_pb2 import Generated as Message
from spec.workload_pb2 import Workload

COARSE = 4  # sides of the grid of random numbers behind a smooth image
IDS_PER_ROW = 4  # ids of a feature that share a row of the table, on average


def open_source(workload: Workload) -> "Generated":
    return Generated(workload)


class Generated:
    """All splits, held in memory."""

    noise_size = 0

    def __init__(self, workload: Workload):
        options = workload.dataset.generated
        make = {
            Message.IMAGES: images,
            Message.CLICKS: clicks,
            Message.RECONSTRUCTIONS: reconstructions,
            Message.SPEECH: generated_speech.utterances,
        }.get(options.schema)
        if make is None:
            raise SpecError(f"workload {workload.name}: dataset.generated.schema is not set")
        splits = workload.splits
        sizes = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        self._splits = {split: make(workload, split, size) for split, size in sizes.items()}
        digest = hashlib.sha256()
        for batch in self._splits.values():
            for _, array in sorted(named_arrays(batch).items()):
                digest.update(array.tobytes())
        self.sha256 = digest.hexdigest()

    def num_examples(self, split: str) -> int:
        return len(next(iter(named_arrays(self._splits[split]).values())))

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        return map_arrays(lambda array: array[indices], self._splits[split])

    def detokenize(self, tokens: list[int]) -> str:
        """The text of a transcript's tokens."""
        return generated_speech.detokenize(tokens)


def images(workload: Workload, split: str, count: int) -> Batch:
    """Images float32 [count, side, side, channels] and classes int32 [count]."""
    config = getattr(workload.model, str(workload.model.WhichOneof("family")))
    side, channels = config.image_size, config.num_channels
    patterns = smooth(normal(workload, "patterns", (config.num_classes, *_coarse(channels))), side)
    targets = integers(workload, f"{split}/targets", config.num_classes, (count,))
    noise = normal(workload, f"{split}/noise", (count, side, side, channels))
    inputs = patterns[targets] + workload.dataset.generated.noise * noise
    return {"inputs": inputs.astype(np.float32), "targets": targets.astype(np.int32)}


def clicks(workload: Workload, split: str, count: int) -> Batch:
    """Dense features and ids float32 [count, dense + categorical], clicks float32 [count]."""
    config = workload.model.dlrm
    dense = np.maximum(normal(workload, f"{split}/dense", (count, config.num_dense)), 0)
    rows = config.vocabulary_size
    shape = (count, config.num_categorical)
    ids = integers(workload, f"{split}/ids", IDS_PER_ROW * rows, shape)
    of_dense = normal(workload, "weights/dense", (config.num_dense,))
    of_row = normal(workload, "weights/ids", (rows,))
    noise = workload.dataset.generated.noise * normal(workload, f"{split}/noise", (count,))
    score = _row_sums(dense * of_dense) + _row_sums(of_row[ids % rows]) + noise
    inputs = np.concatenate([dense, ids], 1).astype(np.float32)
    return {"inputs": inputs, "targets": (score > 0).astype(np.float32)}


def reconstructions(workload: Workload, split: str, count: int) -> Batch:
    """Images float32 [count, side, side] under `inputs` and `targets`; `mean`, `std` and
    `volume_max` float32 [count] that give intensities back.
    """
    side = workload.model.unet.image_size
    targets = smooth(normal(workload, f"{split}/images", (count, *_coarse(1))), side)[..., 0]
    noise = normal(workload, f"{split}/noise", (count, side, side))
    inputs = blurred(blurred(targets)) + workload.dataset.generated.noise * noise
    std = 1 + uniform(workload, f"{split}/std", (count,))
    mean = 4 * std
    highest = mean + std * np.abs(targets).max((1, 2))
    batch = {"inputs": inputs, "targets": targets, "mean": mean, "std": std, "volume_max": highest}
    return {name: array.astype(np.float32) for name, array in batch.items()}


def smooth(coarse: np.ndarray, side: int) -> np.ndarray:
    """[B, COARSE, COARSE, C] -> [B, side, side, C]: enlarged by repetition, then blurred."""
    places = np.arange(side) * COARSE // side
    return blurred(blurred(coarse[:, places][:, :, places]))


def blurred(x: np.ndarray) -> np.ndarray:
    """Each pixel of [B, H, W, ...] averaged with its neighbours (1, 2, 1) along both axes; round
    the edges the image goes on at the other side.
    """
    for axis in (1, 2):
        x = (np.roll(x, 1, axis) + 2 * x + np.roll(x, -1, axis)) / 4
    return x


def _row_sums(x: np.ndarray) -> np.ndarray:
    """Sums over the last axis from left to right: numpy's own order depends on the machine."""
    total = np.zeros(len(x))
    for column in x.T:
        total = total + column
    return total


def _coarse(channels: int) -> tuple[int, int, int]:
    return COARSE, COARSE, channels
