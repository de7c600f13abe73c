"""Csv files with a header line and unquoted cells, as columns."""

import itertools
import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from scoring.readers.rows import LINE
from scoring.records import NO_ROWS, PREEMPTION, STEP, TIME, Array, Ledger

LFS_POINTER = b"version https://git-lfs"
LARGE = 2**18  # bytes, from which on it pays to load a faster reader
BLOCK = 2**18  # characters that are taken apart at once, and at most in a header
MAX_HEADER_BYTES = 2**16
MAX_LEFT_OUT = 100_000  # rows, after which a file is given up
COUNTERS = (STEP, TIME, "score", PREEMPTION)  # never negative, infinite or absent
WHOLE = (STEP, PREEMPTION)
# Python reads more as a number: underscores, digits of all scripts, spaces.
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|nan|NaN|[+-]?inf")
IN_NUMBERS = b"0123456789.+-eEinfaN"
NO_SEPARATORS = bytes(set(range(256)) - set(b",\n"))

Run = tuple[tuple[str, ...], slice]  # equal cells of neighbouring rows, and which rows these are


def read_columns(
    data: bytes,
    origin: str,
    ledger: Ledger,
    *,
    is_number: Callable[[str], bool],
    texts: Sequence[str] = (),
) -> tuple[dict[str, Array], list[Run]]:
    """The columns whose names `is_number` accepts and LINE; and runs of rows with equal `texts`, all
    of which the header has to name. An empty number is NaN.

    Rows that do not fit are left out of all columns and reported with path and line. Both results
    are empty where the file has no header or is a pointer to a file that was not fetched.
    """
    if len(data) >= LARGE and (table := _read_flawless(data, is_number, texts)):
        return table
    header, text = _split(data, origin, ledger)
    numbers: dict[str, list[Array]] = {name: [] for name in header if is_number(name)}
    numbers |= {LINE: []} if header else {}
    runs: list[Run] = []
    start = num_left_out = 0
    for line, rows in _blocks(text):
        found, keys = _read_rows(rows, line, header, list(numbers), texts, origin, ledger)
        for name, values in found.items():
            numbers[name].append(values)
        for key, same in itertools.groupby(keys):
            stop = start + len(list(same))
            runs.append((key, slice(start, stop)))
            start = stop
        num_left_out += len(rows) - len(found[LINE])
        if num_left_out > MAX_LEFT_OUT:
            what = f"the rest is left out, as {num_left_out} rows before it were: this is no table"
            ledger.error(origin, what, line + len(rows))
            break
    return {name: np.concatenate([NO_ROWS, *parts]) for name, parts in numbers.items()}, runs


def header_of(data: bytes) -> set[str]:
    """The names in the first line of what may be a csv."""
    start = data[:MAX_HEADER_BYTES].partition(b"\n")[0]
    return set(start.decode("utf-8-sig", "replace").strip().split(","))


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """The line number of the first of some rows, and these: cells take many times the memory of
    their text.
    """
    line, start = 2, 0
    while start < len(text):
        stop = text.find("\n", start + BLOCK) + 1 or len(text)
        rows = text[start : stop - 1].split("\n")
        yield line, rows
        line, start = line + len(rows), stop


def _read_rows(
    rows: list[str],
    first: int,
    header: Sequence[str],
    names: Sequence[str],
    texts: Sequence[str],
    origin: str,
    ledger: Ledger,
) -> tuple[dict[str, Array], list[tuple[str, ...]]]:
    """The numbers of these rows with LINE, and the texts of each."""
    lines: Sequence[int] = range(first, first + len(rows))
    if set(map(operator.methodcaller("count", ","), rows)) - {len(header) - 1}:
        lines, rows = _fitting(rows, lines, len(header), origin, ledger)
    cells = ",".join(rows).split(",") if rows else []
    columns = {name: cells[place :: len(header)] for place, name in enumerate(header)}
    numbers, bad = {LINE: np.array(lines, float)}, np.zeros(len(rows), bool)
    for name in (name for name in names if name != LINE):
        numbers[name] = _numbers(columns[name], name, lines, bad, origin, ledger)
        if name in COUNTERS:
            _check_counter(numbers[name], name, lines, bad, origin, ledger)
    keys = list(zip(*(columns[name] for name in texts), strict=True))
    if bad.any():
        numbers = {name: values[~bad] for name, values in numbers.items()}
        keys = list(itertools.compress(keys, ~bad))
    return numbers, keys


def _read_flawless(
    data: bytes, is_number: Callable[[str], bool], texts: Sequence[str]
) -> tuple[dict[str, Array], list[Run]] | None:
    """What `read_columns` gives for a file that it would find no fault with, several times as fast;
    None where there may be something to report.
    """
    import polars

    header = data[:BLOCK].partition(b"\n")[0].decode("ascii", "replace").split(",")
    num_lines = data.count(b"\n")
    if (
        any(odd in data for odd in (b" ", b"\t", b"\r"))
        or not (data.isascii() and data.endswith(b"\n") and all(header))
        or len(header) < 2  # where a blank line has as many commas as a row
        or len(set(header)) != len(header)
        # Every row has as many cells as the header: polars says so of some columns alone.
        or data.translate(None, NO_SEPARATORS) != (b"," * (len(header) - 1) + b"\n") * num_lines
    ):
        return None
    numeric = list(filter(is_number, header))
    types = dict.fromkeys(numeric, polars.Float64()) | dict.fromkeys(texts, polars.String())
    try:
        frame = polars.read_csv(
            data, columns=list(types), schema_overrides=types, quote_char=None, infer_schema=False
        )
    except polars.exceptions.PolarsError:
        return None
    numbers = {name: frame[name].to_numpy() for name in numeric}
    for name, values in numbers.items():
        num_empty = frame[name].null_count()
        if np.isfinite(values).sum() + num_empty != len(values):
            return None
        if name in COUNTERS and (num_empty or _impossible(values, name).any()):
            return None
    numbers[LINE] = np.arange(2, num_lines + 1, dtype=float)
    if not texts:
        return numbers, []
    words = frame.select(polars.col(name).fill_null("") for name in texts)
    changes = words.select(polars.any_horizontal(polars.all() != polars.all().shift()))
    starts = [0, *changes.to_series().fill_null(False).arg_true().to_list()]
    stops = [*starts[1:], len(frame)]
    keys = words[starts].rows() if len(frame) else []
    return numbers, [(k, slice(*rows)) for k, *rows in zip(keys, starts, stops, strict=False)]


def _split(data: bytes, origin: str, ledger: Ledger) -> tuple[list[str], str]:
    """Header cells and the text below it, to the last newline."""
    if data.startswith(LFS_POINTER):
        ledger.error(origin, "is a git-lfs pointer, not the log; fetch it with `git lfs pull`", 1)
        return [], ""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        ledger.error(origin, f"is not text: {error.reason} at byte {error.start}", 1)
        return [], ""
    end = text.rfind("\n") + 1
    if 0 < end < len(text):
        line = text.count("\n") + 1
        ledger.error(origin, "row left out: torn, no newline ends it", line)
    start = text.find("\n") + 1
    header = text[: start - 1].split(",") if 0 < start <= BLOCK else [""]
    if not all(header) or len(set(header)) != len(header):
        ledger.error(origin, "expected a header line with distinct column names", 1)
        return [], ""
    return header, text[start:end]


def _fitting(
    rows: Sequence[str], lines: Sequence[int], width: int, origin: str, ledger: Ledger
) -> tuple[list[int], list[str]]:
    """Line numbers and text of the rows with the right number of cells."""
    good = []
    for line, row in zip(lines, rows, strict=True):
        num_cells = row.count(",") + 1
        if num_cells == width:
            good.append((line, row))
        else:
            ledger.error(origin, f"row left out: {num_cells} cells, expected {width}", line)
    return [line for line, _ in good], [row for _, row in good]


def _numbers(
    cells: list[str], name: str, lines: Sequence[int], bad: np.ndarray, origin: str, ledger: Ledger
) -> Array:
    """The cells as numbers; a cell that is none marks its row as bad."""
    if not "".join(cells).encode().translate(None, IN_NUMBERS):
        try:
            filled = [cell or "nan" for cell in cells] if "" in cells else cells
            return np.fromiter(map(float, filled), float, len(cells))
        except ValueError:
            pass  # one of them is no number
    values = np.full(len(cells), math.nan)
    for row, cell in enumerate(cells):
        if NUMBER.fullmatch(cell):
            values[row] = float(cell)
        elif cell:
            ledger.error(origin, f"row left out: {name} is {cell[:40]!r}, no number", lines[row])
            bad[row] = True
    return values


def _check_counter(
    values: Array, name: str, lines: Sequence[int], bad: np.ndarray, origin: str, ledger: Ledger
) -> None:
    """Marks rows whose counter is impossible: a negative or infinite time would decide a score."""
    impossible = _impossible(values, name) & ~bad
    kind = "whole" if name in WHOLE else "finite"
    for row in impossible.nonzero()[0]:
        what = f"row left out: {name} is {values[row]:g}, expected a {kind} number from 0"
        ledger.error(origin, what, lines[row])
    bad |= impossible


def _impossible(values: Array, name: str) -> np.ndarray:
    """Which values no counter of this name can have."""
    possible = (values >= 0) & np.isfinite(values)
    return ~(possible & (values == np.floor(values))) if name in WHOLE else ~possible
