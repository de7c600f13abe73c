"""Throughput of the readers of text, from prepared files, per CPU second.

    python -m benchmarks.inputs_text

The files hold generated tokens with sentence lengths like WMT's, and stand in a temporary folder.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inputs import finewebedu, sentence_rows, storage, wmt
from spec import loading
from spec.workload_pb2 import Workload

NUM_PAIRS = 60_000
NUM_BATCHES = 50
NUM_TOKENS = 8_000_000


def wmt_training(folder: Path) -> tuple[float, float]:
    """Sentence pairs packed into training batches, and CPU seconds."""
    source = _wmt_source(folder)
    bounds = np.load(folder / "wmt" / "train" / "rows.npy")
    rows = np.random.default_rng(0).permutation(len(bounds) - 1)
    pairs, start = 0, time.process_time()
    for number in range(NUM_BATCHES):
        chosen = np.take(rows, range(128 * number, 128 * (number + 1)), mode="wrap")
        source.batch("train", chosen, None)
        pairs += int((bounds[chosen + 1] - bounds[chosen]).sum())
    return pairs, time.process_time() - start


def wmt_evaluation(folder: Path) -> tuple[float, float]:
    """Sentence pairs padded for evaluation, and CPU seconds."""
    source = _wmt_source(folder)
    start = time.process_time()
    for number in range(NUM_BATCHES):
        source.batch("train_pairs", np.arange(128 * number, 128 * (number + 1)), None)
    return 128 * NUM_BATCHES, time.process_time() - start


def wmt_tokenizing(folder: Path) -> tuple[float, float]:
    """Sentence pairs cut into pieces by `prepare`, and CPU seconds of one thread."""
    draw = np.random.default_rng(0)
    words = ["".join(map(chr, draw.integers(97, 123, n))) for n in draw.integers(2, 11, 5000)]
    common = np.minimum(draw.zipf(1.3, (4000, 25)) - 1, 4999)
    lines = [" ".join(words[i] for i in row) for row in common]
    path = folder / "vocabulary.model"
    wmt.learn_vocabulary(iter(lines), 2000, path)
    pairs = list(zip(lines, lines[::-1], strict=True))
    processor = wmt.load_vocabulary(path)
    start = time.process_time()
    wmt.tokenized(processor, iter(pairs), 256)
    return len(pairs), time.process_time() - start


def finewebedu_training(folder: Path) -> tuple[float, float]:
    """Sequences of 1,024 tokens, and CPU seconds."""
    place = folder / "finewebedu"
    place.mkdir(exist_ok=True)
    tokens = np.random.default_rng(0).integers(0, 50257, NUM_TOKENS).astype(np.uint16)
    for split in finewebedu.SPLITS:
        np.save(place / f"000.{split}.npy", tokens)
    workload = Workload()
    workload.CopyFrom(loading.load_workload("finewebedu_lm"))
    workload.splits.train = workload.splits.validation = NUM_TOKENS // 1025
    source = finewebedu.FinewebEdu(workload, place)
    order = np.random.default_rng(1).permutation(NUM_TOKENS // 1025)
    start = time.process_time()
    for number in range(NUM_BATCHES):
        source.batch("train", order[64 * number : 64 * (number + 1)], None)
    return 64 * NUM_BATCHES, time.process_time() - start


# Name, least rate a CPU second, function.
CASES: list[tuple[str, float, Callable[[Path], tuple[float, float]]]] = [
    ("wmt, pairs packed for training", 20_000, wmt_training),
    ("wmt, pairs padded for evaluation", 20_000, wmt_evaluation),
    ("wmt, pairs cut into pieces by prepare", 0, wmt_tokenizing),
    ("finewebedu, sequences of 1,024 tokens", 0, finewebedu_training),
]


def _wmt_source(folder: Path) -> wmt.Wmt:
    """A data set whose sentences have 26 tokens on average, long ones among them."""
    place = folder / "wmt"
    if not place.exists():
        draw = np.random.default_rng(0)
        pairs = {}
        lengths = np.clip(draw.gamma(2.5, 10.0, NUM_PAIRS).astype(int) + 2, 2, 250)
        for side in wmt.LANGUAGES:
            sizes = np.clip(lengths + draw.integers(-3, 4, NUM_PAIRS), 2, 256)
            tokens = draw.integers(3, 32000, sizes.sum()).astype(np.uint16)
            pairs[side] = sentence_rows.Sentences(tokens, np.concatenate([[0], np.cumsum(sizes)]))
        for split in wmt.SPLITS:
            wmt.write_pairs(place / split, pairs, 256, 256 if split == "train" else 0)
        (place / wmt.VOCABULARY).touch()
    os.environ[storage.VARIABLE] = str(folder)
    return wmt.open_source(loading.load_workload("wmt"))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, bound, measure in CASES:
            count, cpu_sec = measure(Path(folder))
            rate = count / cpu_sec
            verdict = "" if not bound else " ok" if rate >= bound else " MISSED"
            goal = f"at least {bound:,.0f}" if bound else ""
            print(f"{name:40} {rate:12,.0f} /CPU s   {goal}{verdict}")


if __name__ == "__main__":
    main()
