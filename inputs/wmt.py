"""Source `wmt`: German and English sentences of WMT 2017 as word pieces, packed for training.

Prepared files: `vocabulary.model` (SentencePiece) and, for each split, a folder with the tokens of
either language end to end, uint16, and where each sentence starts. Pairs with more tokens than a row
on either side are left out. For training there are also the bounds of the packed rows and the number
of tokens that packing keeps of each sentence; rows are packed from pairs in the order of the files.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inputs import sentence_rows, storage
from inputs.pipeline import Batch
from inputs.sentence_rows import Sentences
from inputs.storage import Part
from spec import loading
from spec.files import writing
from spec.loading import SpecError
from spec.workload_pb2 import Workload

NAME = "wmt"
LANGUAGES = {"inputs": "de", "targets": "en"}
SPLITS = ("train", "validation", "test")
VOCABULARY = "vocabulary.model"
LINES_PER_CALL = 4096  # lines that are cut into pieces at a time

TextPair = tuple[str, str]


def open_source(workload: Workload) -> "Wmt":
    return Wmt(workload, storage.data_folder(NAME))


class Wmt:
    """All splits, memory-mapped. Training examples are packed rows; `train_pairs` are their pairs."""

    noise_size = 0
    eval_train_split = "train_pairs"

    def __init__(self, workload: Workload, folder: Path):
        wrong = [part for part in check(folder) if part.state != "ready"]
        if wrong:
            problem = f"{wrong[0].name} is {wrong[0].state}"
            detail = f" ({wrong[0].detail})" if wrong[0].detail else ""
            raise storage.unprepared(NAME, problem + detail)
        self._row_length = workload.model.transformer_mt.max_length
        self._pairs = {split: load_pairs(folder / split) for split in SPLITS}
        self._pairs["train_pairs"] = self._pairs["train"]
        train = folder / "train"
        self._bounds = np.load(train / "rows.npy", mmap_mode="r")
        self._lengths = {
            side: np.load(train / f"{side}_lengths.npy", mmap_mode="r") for side in LANGUAGES
        }
        self._folder = folder
        self._processor: Any = None

    def num_examples(self, split: str) -> int:
        """Rows of `train`, pairs of the others."""
        return len(self._bounds if split == "train" else self._pairs[split]["inputs"].starts) - 1

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        """Fewer rows than indices where these go beyond the pairs that are short enough."""
        if split == "train":
            return sentence_rows.packed(
                self._pairs["train"], self._lengths, self._bounds, indices, self._row_length
            )
        chosen = indices[indices < self.num_examples(split)]
        return sentence_rows.padded(self._pairs[split], chosen, self._row_length)

    def text(self, ids: list[int]) -> str:
        """The sentence of its tokens."""
        if self._processor is None:
            self._processor = load_vocabulary(self._folder / VOCABULARY)
        return self._processor.decode(ids)


def prepare(raw: Path, folder: Path) -> None:
    """Learns the vocabulary and cuts all text files of the data set, <name>.de and <name>.en in
    `raw`, into pieces.

    Raises:
      SpecError: a file is missing or no UTF-8, or two that belong together differ in length.
    """
    prepare_for(loading.load_workload(NAME), raw, folder)


def prepare_for(workload: Workload, raw: Path, folder: Path) -> None:
    """The same for another workload of this data set."""
    dataset, config = workload.dataset.wmt, workload.model.transformer_mt
    names = {
        "train": list(dataset.train_files),
        "validation": [dataset.validation_file],
        "test": [dataset.test_file],
    }
    vocabulary = folder / VOCABULARY
    if not vocabulary.exists():
        lines = itertools.chain.from_iterable(text_pairs(raw, names["train"]))
        learn_vocabulary(
            up_to(lines, dataset.num_tokenizer_characters), config.vocabulary_size, vocabulary
        )
    processor = load_vocabulary(vocabulary)
    for split in SPLITS:
        if check_split(folder, split).state != "ready":
            storage.progress(f"{NAME}: {split}")
            pairs = tokenized(processor, text_pairs(raw, names[split]), config.max_length)
            group = dataset.pairs_per_group if split == "train" else 0
            write_pairs(folder / split, pairs, config.max_length, group)


def text_pairs(raw: Path, names: Iterable[str]) -> Iterator[TextPair]:
    """The lines of <name>.de with those of <name>.en, one file after the other."""
    for name in names:
        paths = [raw / f"{name}.{language}" for language in LANGUAGES.values()]
        counts = [0, 0]
        for pair in itertools.zip_longest(*(lines_of(path) for path in paths)):
            counts = [n + (line is not None) for n, line in zip(counts, pair, strict=True)]
            if pair[0] is not None and pair[1] is not None:
                yield pair[0], pair[1]
        if counts[0] != counts[1]:
            raise SpecError(
                f"{paths[0]} has {counts[0]} lines and {paths[1]} {counts[1]}, "
                "expected as many in both"
            )


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a text file; only line feeds separate them."""
    if not path.is_file():
        raise SpecError(f"{path} is missing")
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield line.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise SpecError(f"{path}:{number}: no UTF-8: {error}") from error


def up_to(lines: Iterable[str], num_characters: int) -> Iterator[str]:
    """Lines until they have this many characters together; the last one goes beyond."""
    seen = 0
    for line in lines:
        if seen >= num_characters:
            return
        seen += len(line)
        yield line


def learn_vocabulary(lines: Iterator[str], size: int, path: Path) -> None:
    """Writes a SentencePiece unigram model: 0 unknown, 1 begin, 2 end of a sentence, no filling.

    Raises:
      SpecError: there is too little text for so many pieces.
    """
    import sentencepiece

    with writing(path) as temporary, temporary.open("wb") as file:
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=lines,
                model_writer=file,
                vocab_size=size,
                model_type="unigram",
                character_coverage=1.0,
                minloglevel=1,
            )
        except RuntimeError as error:
            raise SpecError(f"{path}: no vocabulary of {size} pieces: {error}") from error


def load_vocabulary(path: Path) -> Any:
    """The vocabulary as a SentencePieceProcessor."""
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def tokenized(processor: Any, pairs: Iterator[TextPair], max_length: int) -> sentence_rows.Pairs:
    """Pieces of all pairs that have at most `max_length` on either side, their ends included."""
    pieces: dict[str, list[np.ndarray]] = {side: [] for side in LANGUAGES}
    sizes: dict[str, list[int]] = {side: [] for side in LANGUAGES}
    while chunk := list(itertools.islice(pairs, LINES_PER_CALL)):
        columns = [
            processor.encode(list(column), add_eos=True) for column in zip(*chunk, strict=True)
        ]
        short = [p for p in zip(*columns, strict=True) if max(map(len, p)) <= max_length]
        for side, sentences in zip(LANGUAGES, zip(*short, strict=True), strict=False):
            pieces[side].append(np.fromiter(itertools.chain(*sentences), np.uint16))
            sizes[side].extend(map(len, sentences))
    return {
        side: Sentences(
            np.concatenate([np.zeros(0, np.uint16), *pieces[side]]),
            np.cumsum([0, *sizes[side]], dtype=np.int64),
        )
        for side in LANGUAGES
    }


def write_pairs(
    folder: Path, pairs: sentence_rows.Pairs, row_length: int, pairs_per_group: int
) -> None:
    """Writes a split's files; also those about packed rows where groups of pairs are packed."""
    arrays: dict[str, np.ndarray] = {}
    for side, sentences in pairs.items():
        arrays |= {f"{side}_tokens": sentences.tokens, f"{side}_starts": sentences.starts}
    if pairs_per_group:
        lengths = {side: sentences.packed_lengths() for side, sentences in pairs.items()}
        arrays |= {f"{side}_lengths": array for side, array in lengths.items()}
        arrays["rows"] = sentence_rows.greedy_rows(
            list(lengths.values()), row_length, pairs_per_group
        )
    for name, array in arrays.items():
        storage.write_array(folder / f"{name}.npy", array)


def load_pairs(folder: Path) -> sentence_rows.Pairs:
    def array(name: str) -> np.ndarray:
        return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    return {side: Sentences(array(f"{side}_tokens"), array(f"{side}_starts")) for side in LANGUAGES}


def check(folder: Path) -> list[Part]:
    """The vocabulary and the splits. A split may have fewer pairs than the workload counts: those
    that are too long are left out.
    """
    path = folder / VOCABULARY
    there = path.is_file()
    size = path.stat().st_size if there else 0
    vocabulary = Part(VOCABULARY, "ready" if there else "missing", int(there), 1, size)
    return [vocabulary, *(check_split(folder, split) for split in SPLITS)]


def check_split(folder: Path, split: str) -> Part:
    """The state of one split's files."""
    expected = getattr(loading.load_workload(NAME).splits, split)
    place = folder / split
    num_bytes = sum(path.stat().st_size for path in place.glob("*.npy"))
    if not num_bytes:
        return Part(split, "missing", 0, expected, 0)
    try:
        pairs = load_pairs(place)
        counts = {side: len(sentences.starts) - 1 for side, sentences in pairs.items()}
        for side, sentences in pairs.items():
            if sentences.starts[-1] != len(sentences.tokens):
                raise ValueError(f"{place}: {side} have {len(sentences.tokens)} tokens, "
                                 f"expected {sentences.starts[-1]}")  # fmt: skip
        ends = set(counts.values())
        if split == "train":
            ends.add(int(np.load(place / "rows.npy", mmap_mode="r")[-1]))
        if len(ends) != 1:
            raise ValueError(f"{place}: files have {sorted(ends)} pairs, expected as many in each")
    except (OSError, ValueError, EOFError, IndexError) as error:
        return Part(split, "partial", 0, expected, num_bytes, str(error))
    return Part(split, "ready", counts["inputs"], expected, num_bytes)
