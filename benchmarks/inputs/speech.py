"""LibriSpeech: noise in utterances of up to 20 seconds. Padding does not count as audio."""

import json
from pathlib import Path

import numpy as np

from benchmarks.inputs.case import Case, Measured, resized
from inputs import librispeech
from spec.log_mel import SAMPLE_RATE
from spec.workload_pb2 import Workload

NUM_UTTERANCES, BATCH = 256, 128
NUM_FILES, FILE_SEC = 20, 20
GENERATOR = np.random.default_rng(0)


def prepared(folder: Path) -> Measured:
    """Every utterance once."""
    workload = resized("librispeech_conformer", NUM_UTTERANCES, 1, 1)
    audio_sec = sum(write_prepared(folder, workload)) / SAMPLE_RATE
    source = librispeech.Librispeech(workload, folder)

    def go_through() -> float:
        for indices in np.split(np.arange(NUM_UTTERANCES), NUM_UTTERANCES // BATCH):
            source.batch("train", indices, None)
        return audio_sec

    return go_through


def flac(folder: Path) -> Measured:
    """From FLAC to samples."""
    import soundfile

    path = folder / "a.flac"
    soundfile.write(path, noise(FILE_SEC * SAMPLE_RATE), SAMPLE_RATE)

    def go_through() -> float:
        for _ in range(NUM_FILES):
            librispeech.read_flac(path)
        return NUM_FILES * FILE_SEC

    return go_through


CASES = [
    Case("librispeech, prepared", "audio s", 250, prepared),
    Case("librispeech, FLAC", "audio s", 0, flac),
]


def write_prepared(folder: Path, workload: Workload) -> list[int]:
    """Writes one speaker for each split; returns the numbers of samples of the training split."""
    options = workload.dataset.librispeech
    trained: list[int] = []
    for split in librispeech.SPLITS:
        part = folder / getattr(options, split)[0].name
        part.mkdir()
        count = getattr(workload.splits, split)
        lengths = GENERATOR.integers(16_000, options.max_samples, count, endpoint=True).tolist()
        listed = [
            {"name": str(i), "num_samples": n, "tokens": [3] * 60} for i, n in enumerate(lengths)
        ]
        np.save(part / "1.npy", noise(sum(lengths)))
        (part / "1.json").write_text(json.dumps({"num_left_out": 0, "utterances": listed}))
        if split == "train":
            trained = lengths
    return trained


def noise(size: int) -> np.ndarray:
    return GENERATOR.normal(0, 2000, size).astype(np.int16)
