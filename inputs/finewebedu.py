"""Source `finewebedu`: FineWeb-Edu's documents as sequences of GPT-2 tokens.

Each parquet file of documents becomes two files of tokens, uint16, one after the other with an end
token after every document: <name>.train.npy and <name>.validation.npy. Sequences are cut from the
files of a split in the order of their names, as if these were one.
"""

import concurrent.futures
import multiprocessing
import os
from pathlib import Path

import numpy as np

from inputs import storage
from inputs.byte_pairs import BytePairs
from inputs.pipeline import Batch
from inputs.storage import Part
from spec import loading, rng
from spec.loading import SpecError
from spec.workload_pb2 import Workload

NAME = "finewebedu"
SPLITS = ("train", "validation")


def open_source(workload: Workload) -> "FinewebEdu":
    return FinewebEdu(workload, storage.data_folder(NAME))


class FinewebEdu:
    """Sequences int32 [B, T] under `inputs`, the same one token later under `targets`."""

    noise_size = 0

    def __init__(self, workload: Workload, folder: Path):
        self._length = workload.model.transformer_lm.sequence_length + 1
        self._splits = {split: Stream(token_files(folder, split)) for split in SPLITS}
        self._sizes = {split: getattr(workload.splits, split) for split in SPLITS}
        for split, needed in self._sizes.items():
            found = len(self._splits[split]) // self._length
            if found < needed:
                problem = f"{split} has {found} sequences, workload {workload.name} needs {needed}"
                raise storage.unprepared(NAME, problem)

    def num_examples(self, split: str) -> int:
        """As many as the workload counts, though there may be more."""
        return self._sizes[split]

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        tokens = np.empty((len(indices), self._length), np.int32)
        for row, index in zip(tokens, indices.tolist(), strict=True):
            self._splits[split].read(index * self._length, row)
        return {"inputs": tokens[:, :-1].copy(), "targets": tokens[:, 1:].copy()}


class Stream:
    """Memory-mapped files of tokens as one."""

    def __init__(self, paths: list[Path]):
        self._files = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
        self._ends = np.cumsum([len(file) for file in self._files], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def read(self, start: int, out: np.ndarray) -> None:
        """Fills `out` with the tokens from number `start` on."""
        number = int(np.searchsorted(self._ends, start, "right"))
        filled = 0
        while filled < len(out):
            place = start + filled - int(self._ends[number]) + len(self._files[number])
            piece = self._files[number][place : place + len(out) - filled]
            out[filled : filled + len(piece)] = piece
            filled += len(piece)
            number += 1


def token_files(folder: Path, split: str) -> list[Path]:
    return sorted(folder.glob(f"*.{split}.npy"))


def prepare(raw: Path, folder: Path) -> None:
    """Cuts every parquet file in `raw`, of documents in a column `text`, into tokens, in as many
    processes as there are processors. GPT-2's `vocab.json` and `merges.txt` must be in `raw` too.

    Raises:
      SpecError: one of these files is missing or cannot be read.
    """
    prepare_for(loading.load_workload(NAME + "_lm"), raw, folder)


def prepare_for(workload: Workload, raw: Path, folder: Path) -> None:
    """The same for another workload of this data set."""
    sources = sorted(raw.glob("*.parquet"))
    if not sources:
        raise SpecError(f"{raw}: no parquet file of documents")
    BytePairs(raw)  # complains here, not in every process
    missing = [
        path
        for path in sources
        if not all((folder / f"{path.stem}.{split}.npy").exists() for split in SPLITS)
    ]
    if not missing:
        return
    dataset = workload.dataset.finewebedu
    arguments = (raw, folder, dataset.validation_fraction, dataset.end_token)
    # Processes are started anew: libraries with threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    workers = min(len(missing), os.cpu_count() or 1)
    with concurrent.futures.ProcessPoolExecutor(workers, context) as executor:
        for future in [executor.submit(write_tokens, path, *arguments) for path in missing]:
            future.result()


def write_tokens(path: Path, raw: Path, folder: Path, fraction: float, end: int) -> None:
    """Writes the token files of one parquet file. A document's split follows from the file's name
    and the document's number.
    """
    documents = read_documents(path)
    pairs = BytePairs(raw)
    key = rng.key(0, "split", f"{NAME}/{path.stem}")
    is_validation = rng.uniform64(key, len(documents)) < fraction
    pieces: dict[str, list[np.ndarray]] = {split: [np.zeros(0, np.uint16)] for split in SPLITS}
    for document, held_out in zip(documents, is_validation, strict=True):
        if document:
            tokens = np.array([*pairs.encode(document), end], np.uint16)
            pieces[SPLITS[int(held_out)]].append(tokens)
    for split in SPLITS:
        storage.write_array(folder / f"{path.stem}.{split}.npy", np.concatenate(pieces[split]))
    storage.progress(f"{NAME}: {path.name}")


def read_documents(path: Path) -> list[str]:
    """The column `text` of a parquet file; SpecError if there is none or the file is damaged."""
    import polars

    try:
        return polars.read_parquet(path, columns=["text"])["text"].to_list()
    except (polars.exceptions.PolarsError, OSError) as error:
        line = str(error).strip().splitlines()[0]
        raise SpecError(f"{path}: not a parquet file with a column `text`: {line}") from error


def check(folder: Path) -> list[Part]:
    """The splits; a count is of whole sequences."""
    workload = loading.load_workload(NAME + "_lm")
    length = workload.model.transformer_lm.sequence_length + 1
    parts = []
    for split in SPLITS:
        expected = getattr(workload.splits, split)
        paths = token_files(folder, split)
        num_bytes = sum(path.stat().st_size for path in paths)
        try:
            count = len(Stream(paths)) // length
        except (OSError, ValueError, EOFError) as error:
            parts.append(Part(split, "partial", 0, expected, num_bytes, str(error)))
            continue
        state = "missing" if not paths else "ready" if count >= expected else "partial"
        parts.append(Part(split, state, count, expected, num_bytes))
    return parts
