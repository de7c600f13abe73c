"""Prints how fast batches of speech come from prepared files, and files from FLAC.

    python -m benchmarks.inputs_speech

The audio is noise in utterances of up to 20 seconds, in files of the prepared and of the published
form. Figures are seconds of audio for each second of CPU time, over all threads; padding does not
count as audio.
"""

import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inputs import librispeech
from spec import loading
from spec.log_mel import SAMPLE_RATE
from spec.workload_pb2 import Workload

NUM_UTTERANCES, BATCH_SIZE, NUM_BATCHES = 256, 128, 6
GENERATOR = np.random.default_rng(0)


def prepared_files(folder: Path, workload: Workload) -> list[int]:
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


def batches_from_prepared_files() -> float:
    workload = Workload()
    workload.CopyFrom(loading.load_workload("librispeech_conformer"))
    workload.splits.train, workload.splits.validation, workload.splits.test = NUM_UTTERANCES, 1, 1
    with tempfile.TemporaryDirectory() as name:
        lengths = np.array(prepared_files(Path(name), workload))
        source = librispeech.Librispeech(workload, Path(name))
        order = itertools.cycle(np.split(np.arange(NUM_UTTERANCES), NUM_UTTERANCES // BATCH_SIZE))
        samples, start = 0, time.process_time()
        for indices in itertools.islice(order, NUM_BATCHES):
            source.batch("train", indices, None)
            samples += int(lengths[indices].sum())
        return samples / SAMPLE_RATE / (time.process_time() - start)


def flac_decoding() -> float:
    import soundfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.flac"
        soundfile.write(path, noise(20 * SAMPLE_RATE), SAMPLE_RATE)
        start = time.process_time()
        for _ in range(20):
            librispeech.read_flac(path)
        return 20 * 20 / (time.process_time() - start)


# Name, least seconds of audio for each CPU second (0: none is asked for), measurement.
CASES: list[tuple[str, float, Callable[[], float]]] = [
    ("batches from prepared files", 250.0, batches_from_prepared_files),
    ("FLAC to samples", 0.0, flac_decoding),
]


def main() -> None:
    print("seconds of audio per CPU second")
    print(f"{'case':<30} {'measured':>10} {'bound':>8}")
    for name, bound, measure in CASES:
        print(f"{name:<30} {measure():10.0f} {bound:8.0f}")


if __name__ == "__main__":
    main()
