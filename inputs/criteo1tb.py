"""Data set `criteo1tb`: Criteo's click logs of 24 days.

Published: `day_0.gz` to `day_23.gz`, text. A line is a click (0 or 1), 13 integers and 26
categorical fields of 8 hex digits, separated by tabs; an absent value is an empty field.

Prepared: the official set-up cuts a day into files `day_<day>_<number>` of 5,000,000 lines; here
each of them is an .npy file, float32 [lines, 40], which holds what the model is given: the click,
then for each integer x the logarithm of max(x, 0) + 1, then for each categorical field a bucket.
Buckets beyond 2^24 are rounded by float32, as they are officially. `day_<day>.json` completes a
day: its number of lines and the SHA-256 of its text.

Order: the files come in random order, their lines as they stand, as in the official pipeline.
"""

import concurrent.futures
import contextlib
import functools
import hashlib
import itertools
import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inputs import storage
from inputs.click_lines import NUM_COLUMNS, rows_of
from inputs.pipeline import Batch
from inputs.storage import Part, unprepared
from spec import loading, rng
from spec.files import writing
from spec.loading import SpecError
from spec.workload_pb2 import Criteo1TB as Options
from spec.workload_pb2 import Workload

NAME = "criteo1tb"
NUM_DAYS, LAST_DAY = 24, 23
READ_BYTES = 1 << 21  # of a gzip file at a time
ROW_BYTES = 4 * NUM_COLUMNS


def open_source(workload: Workload) -> "Criteo1TB":
    return Criteo1TB(workload)


class Criteo1TB:
    """Features float32 [B, 39] under `inputs` (13 of integers, 26 buckets), clicks float32 [B]
    under `targets`. Files are mapped into memory.
    """

    noise_size = 0

    def __init__(self, workload: Workload):
        options = workload.dataset.criteo1tb
        folder = storage.data_folder(NAME)
        files: list[list[np.ndarray]] = []
        digest = hashlib.sha256()
        for day in range(NUM_DAYS):
            record = _record(folder, day)
            if record is None:
                raise unprepared(NAME, f"day {day} is not complete")
            size = record["lines_per_file"]
            if size != options.lines_per_file:
                raise SpecError(
                    f"{_record_path(folder, day)}: prepared in files of {size:,} lines, workload "
                    f"{workload.name} expects {options.lines_per_file:,}"
                )
            starts = range(0, record["lines"], size)
            files.append(
                [
                    _mapped(_file_path(folder, day, number), min(size, record["lines"] - start))
                    for number, start in enumerate(starts)
                ]
            )
            digest.update(bytes.fromhex(record["sha256"]))
        self.sha256 = digest.hexdigest()
        last = files[LAST_DAY]
        self._files = {
            "train": list(itertools.chain(*files[:LAST_DAY])),
            "test": last[: options.num_test_files],
            "validation": last[options.num_test_files :],
        }
        self._starts = {
            split: np.cumsum([0, *map(len, arrays)]) for split, arrays in self._files.items()
        }
        for split in self._files:
            count, expected = self.num_examples(split), getattr(workload.splits, split)
            if count != expected:
                raise SpecError(
                    f"{folder}: {split} has {count:,} lines, workload {workload.name} expects "
                    f"{expected:,}"
                )

    def num_examples(self, split: str) -> int:
        return int(self._starts[split][-1])

    def train_order(self, key: rng.Key, positions: np.ndarray) -> np.ndarray:
        starts = self._starts["train"]
        order = rng.permutation(key, len(starts) - 1)
        ends = np.cumsum(np.diff(starts)[order])
        # A file's examples keep their distance to its end.
        place = np.searchsorted(ends, positions, side="right")
        return starts[1:][order[place]] - (ends[place] - positions)

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        starts = self._starts[split]
        numbers = np.searchsorted(starts, indices, side="right") - 1
        rows = np.empty((len(indices), NUM_COLUMNS), np.float32)
        for number in np.unique(numbers):
            chosen = numbers == number
            rows[chosen] = self._files[split][number][indices[chosen] - starts[number]]
        return {"inputs": rows[:, 1:].copy(), "targets": rows[:, 0].copy()}


def prepare(raw: Path, folder: Path) -> None:
    """Makes the files of all days that lie in `raw`, several days at a time. A day's file that is
    there is kept, and its lines are only counted.

    Raises:
      SpecError: there is no file of any day, or one is damaged.
    """
    prepare_days(raw, folder, _workload().dataset.criteo1tb)


def prepare_days(raw: Path, folder: Path, options: Options) -> None:
    """See `prepare`."""
    days = [day for day in range(NUM_DAYS) if _record(folder, day) is None]
    published = [day for day in days if (raw / f"day_{day}.gz").exists()]
    if days and not published:
        raise SpecError(f"{raw}: expected day_{days[0]}.gz and the like, there are none")
    stop = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            tasks = [pool.submit(_prepare_day, raw, folder, d, options, stop) for d in published]
            for task in concurrent.futures.as_completed(tasks):
                task.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def check(folder: Path) -> list[Part]:
    """The state of each day, then of the splits, whose sizes are known as a whole."""
    workload = _workload()
    splits, num_test_files = workload.splits, workload.dataset.criteo1tb.num_test_files
    files = [_lines_of_files(folder, day) for day in range(NUM_DAYS)]
    parts = []
    for day, lines in enumerate(files):
        record, count = _record(folder, day), sum(lines)
        state = "partial" if lines else "missing"
        if record is not None and record["lines"] == count:
            state = "ready"
        num_bytes = count * ROW_BYTES
        expected = splits.train / LAST_DAY if day < LAST_DAY else splits.validation + splits.test
        ready_bytes = num_bytes if state == "ready" else round(expected * ROW_BYTES)
        detail = f"{len(lines)} files"
        parts.append(Part(f"day {day}", state, count, 0, num_bytes, detail, ready_bytes))
    sizes = {
        "train": sum(map(sum, files[:LAST_DAY])),
        "validation": sum(files[LAST_DAY][num_test_files:]),
        "test": sum(files[LAST_DAY][:num_test_files]),
    }
    for split, size in sizes.items():
        expected = getattr(splits, split)
        state = "ready" if size == expected else "partial" if size else "missing"
        parts.append(Part(split, state, size, expected, 0))
    return parts


def _prepare_day(
    raw: Path, folder: Path, day: int, options: Options, stop: threading.Event
) -> None:
    """Makes one day's files and its record."""
    source, digest, line = raw / f"day_{day}.gz", hashlib.sha256(), 0
    pieces = _pieces(source, options.lines_per_file)
    try:
        for number, group in itertools.groupby(pieces, lambda p: p[0] // options.lines_per_file):
            path = _file_path(folder, day, number)
            with contextlib.nullcontext() if path.exists() else _appending(path) as append:
                for line, count, text in group:
                    if stop.is_set():
                        raise concurrent.futures.CancelledError
                    digest.update(text)
                    if append is not None:
                        append(rows_of(text, options.num_buckets, f"{source}", line + 1))
                    line += count
            storage.progress(f"{path.name}: {line:,} lines of day {day}")
    except EOFError:
        raise SpecError(
            f"{source}: the gzip file is cut off, after line {line:,}; get it again and repeat "
            "(complete files are kept)"
        ) from None
    except zlib.error as error:
        # Nobody knows how far the text was right.
        for path in folder.glob(f"day_{day}_*.npy"):
            path.unlink()
        raise SpecError(
            f"{source}: the gzip file is damaged, found after line {line:,} ({error}); get it again"
        ) from error
    if not line:
        raise SpecError(f"{source}: there is no line in it")
    record = {
        "lines": line,
        "lines_per_file": options.lines_per_file,
        "sha256": digest.hexdigest(),
    }
    with writing(_record_path(folder, day)) as temporary:
        temporary.write_text(json.dumps(record))


@contextlib.contextmanager
def _appending(path: Path) -> Iterator[Callable[[np.ndarray], None]]:
    """Gives a function that appends rows to an .npy file, which is there when the block ends."""
    count = 0
    with writing(path) as temporary, temporary.open("wb") as file:

        def append(rows: np.ndarray) -> None:
            nonlocal count
            count += len(rows)
            file.write(rows.data)

        def write_header() -> None:
            # numpy leaves room in it for any number of rows.
            header = {"descr": "<f4", "fortran_order": False, "shape": (count, NUM_COLUMNS)}
            np.lib.format.write_array_header_1_0(file, header)

        write_header()
        yield append
        file.seek(0)
        write_header()


def _pieces(path: Path, lines_per_file: int) -> Iterator[tuple[int, int, bytes]]:
    """A day's text as (lines before, lines, text of these lines), cut where the files end.

    Raises:
      EOFError: the gzip file is cut off.
      zlib.error: it is damaged.
    """
    line, rest = 0, b""
    for block in itertools.chain(_decompressed(path), [b"\n"]):
        # At the end of the text, a last line may lack its newline.
        text = rest + block if rest or block != b"\n" else b""
        end = text.rfind(b"\n") + 1
        text, rest = text[:end], text[end:]
        while text:
            newlines = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
            count = min(lines_per_file - line % lines_per_file, len(newlines))
            size = int(newlines[count - 1]) + 1
            yield line, count, text[:size]
            line, text = line + count, text[size:]


def _decompressed(path: Path) -> Iterator[bytes]:
    """The contents of a gzip file, which may have several members, in pieces; see `_pieces`."""
    gzip = functools.partial(zlib.decompressobj, 16 + zlib.MAX_WBITS)
    with path.open("rb") as file:
        member = gzip()
        while data := file.read(READ_BYTES):
            while data:
                if member.eof:
                    member = gzip()
                yield member.decompress(data)
                data = member.unused_data
    if not member.eof:
        raise EOFError


def _workload() -> Workload:
    return loading.load_workload(NAME)


def _file_path(folder: Path, day: int, number: int) -> Path:
    return folder / f"day_{day}_{number:02d}.npy"


def _record_path(folder: Path, day: int) -> Path:
    return folder / f"day_{day}.json"


def _record(folder: Path, day: int) -> dict[str, Any] | None:
    """What completes a day; None where that has not been written."""
    path = _record_path(folder, day)
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise SpecError(f"{path}: is no JSON: {error}; delete it and prepare again") from error


def _lines_of_files(folder: Path, day: int) -> list[int]:
    """Lines in each of a day's files that are there."""
    paths = (_file_path(folder, day, number) for number in itertools.count())
    return [p.stat().st_size // ROW_BYTES for p in itertools.takewhile(Path.exists, paths)]


def _mapped(path: Path, lines: int) -> np.ndarray:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{path}: {error}; delete it and its day's .json, and prepare again"
        ) from error
    if rows.shape != (lines, NUM_COLUMNS):
        raise SpecError(f"{path}: shape {rows.shape}, expected {(lines, NUM_COLUMNS)}")
    return rows
