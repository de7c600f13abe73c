"""Csv files with a header line and unquoted cells, as columns."""

import math
import operator
import re
from collections.abc import Callable, Collection, Sequence

import numpy as np

from scoring.readers.rows import LINE
from scoring.records import PREEMPTION, STEP, TIME, Array, Ledger

LFS_POINTER = b"version https://git-lfs"
COUNTERS = (STEP, TIME, "score", PREEMPTION)  # never negative, infinite or absent
# Python reads more as a number: underscores, digits of all scripts, spaces.
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|nan|NaN|[+-]?inf")
IN_NUMBERS = b"0123456789.+-eEinfaN"


def read_columns(
    data: bytes,
    origin: str,
    ledger: Ledger,
    *,
    is_number: Callable[[str], bool],
    texts: Collection[str] = (),
) -> tuple[dict[str, Array], dict[str, list[str]]]:
    """The columns whose names `is_number` accepts and LINE, and those in `texts`. An empty number
    is NaN.

    Rows that do not fit are left out of all columns and reported with path and line. Both results
    are empty where the file has no header or is a pointer to a file that was not fetched.
    """
    header, rows = _split(data, origin, ledger)
    lines: Sequence[int] = range(2, len(rows) + 2)
    if set(map(operator.methodcaller("count", ","), rows)) - {len(header) - 1}:
        lines, rows = _fitting(rows, len(header), origin, ledger)
    cells = ",".join(rows).split(",") if rows else []
    columns = {name: cells[place :: len(header)] for place, name in enumerate(header)}
    numbers, bad = {}, np.zeros(len(rows), bool)
    for name in filter(is_number, header):
        numbers[name] = _numbers(columns[name], name, lines, bad, origin, ledger)
        if name in COUNTERS:
            _check_counter(numbers[name], name, lines, bad, origin, ledger)
    if header:
        numbers[LINE] = np.array(lines, float)
    if bad.any():
        numbers = {name: values[~bad] for name, values in numbers.items()}
        columns = {n: [c for c, b in zip(columns[n], bad, strict=True) if not b] for n in texts}
    return numbers, {name: columns[name] for name in texts if name in columns}


def _split(data: bytes, origin: str, ledger: Ledger) -> tuple[list[str], list[str]]:
    """Header cells and the lines below it."""
    if data.startswith(LFS_POINTER):
        ledger.error(origin, "is a git-lfs pointer, not the log; fetch it with `git lfs pull`", 1)
        return [], []
    try:
        lines = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        ledger.error(origin, f"is not text: {error.reason} at byte {error.start}", 1)
        return [], []
    torn = lines.pop()  # what follows the last newline
    if torn and lines:
        ledger.error(origin, "row left out: torn, no newline ends it", len(lines) + 1)
    header = lines[0].split(",") if lines else [""]
    if not all(header) or len(set(header)) != len(header):
        ledger.error(origin, "expected a header line with distinct column names", 1)
        return [], []
    return header, lines[1:]


def _fitting(
    rows: list[str], width: int, origin: str, ledger: Ledger
) -> tuple[list[int], list[str]]:
    """Line numbers and text of the rows with the right number of cells."""
    good = []
    for line, row in enumerate(rows, start=2):
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
    impossible = ~((values >= 0) & np.isfinite(values)) & ~bad
    for row in impossible.nonzero()[0]:
        what = f"row left out: {name} is {values[row]:g}, expected a finite number from 0"
        ledger.error(origin, what, lines[row])
    bad |= impossible
