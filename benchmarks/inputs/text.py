"""WMT and FineWeb-Edu: generated tokens, with sentence lengths like WMT's."""

from pathlib import Path

import numpy as np

from benchmarks.inputs.case import Case, Measured, resized
from inputs import finewebedu, sentence_rows, storage, wmt
from spec import loading

NUM_PAIRS = 60_000
NUM_BATCHES = 50
NUM_TOKENS = 8_000_000


def wmt_training(folder: Path) -> Measured:
    """Pairs packed into training batches."""
    source = wmt_source()
    bounds = np.load(storage.data_folder("wmt") / "train" / "rows.npy")
    rows = np.random.default_rng(0).permutation(len(bounds) - 1)

    def go_through() -> float:
        pairs = 0
        for number in range(NUM_BATCHES):
            chosen = np.take(rows, range(128 * number, 128 * (number + 1)), mode="wrap")
            source.batch("train", chosen, None)
            pairs += int((bounds[chosen + 1] - bounds[chosen]).sum())
        return pairs

    return go_through


def wmt_evaluation(folder: Path) -> Measured:
    """Pairs padded for evaluation."""
    source = wmt_source()

    def go_through() -> float:
        for number in range(NUM_BATCHES):
            source.batch("train_pairs", np.arange(128 * number, 128 * (number + 1)), None)
        return 128 * NUM_BATCHES

    return go_through


def wmt_tokenizing(folder: Path) -> Measured:
    """Pairs cut into pieces, as `prepare` does it."""
    draw = np.random.default_rng(0)
    words = ["".join(map(chr, draw.integers(97, 123, n))) for n in draw.integers(2, 11, 5000)]
    common = np.minimum(draw.zipf(1.3, (4000, 25)) - 1, 4999)
    lines = [" ".join(words[i] for i in row) for row in common]
    path = folder / "vocabulary.model"
    wmt.learn_vocabulary(iter(lines), 2000, path)
    pairs = list(zip(lines, lines[::-1], strict=True))
    processor = wmt.load_vocabulary(path)

    def go_through() -> float:
        wmt.tokenized(processor, iter(pairs), 256)
        return len(pairs)

    return go_through


def finewebedu_training(folder: Path) -> Measured:
    tokens = np.random.default_rng(0).integers(0, 50257, NUM_TOKENS).astype(np.uint16)
    for split in finewebedu.SPLITS:
        np.save(folder / f"000.{split}.npy", tokens)
    num_sequences = NUM_TOKENS // 1025
    workload = resized("finewebedu_lm", num_sequences, num_sequences, 0)
    source = finewebedu.FinewebEdu(workload, folder)
    order = np.random.default_rng(1).permutation(num_sequences)

    def go_through() -> float:
        for number in range(NUM_BATCHES):
            source.batch("train", order[64 * number : 64 * (number + 1)], None)
        return 64 * NUM_BATCHES

    return go_through


CASES = [
    Case("wmt, packed for training", "pairs", 20_000, wmt_training),
    Case("wmt, padded for evaluation", "pairs", 20_000, wmt_evaluation),
    Case("wmt, cut into pieces", "pairs", 0, wmt_tokenizing),
    Case("finewebedu_lm, train", "sequences", 0, finewebedu_training),
]


def wmt_source() -> wmt.Wmt:
    """A data set whose sentences have 26 tokens on average, long ones among them."""
    place = storage.data_folder("wmt")
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
    return wmt.open_source(loading.load_workload("wmt"))
