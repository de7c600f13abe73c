"""Lines of Criteo's click logs as the numbers that a model is given, parsed and hashed as in the
official pipeline.

A line is a click (0 or 1), 13 integers and 26 categorical fields of 8 hex digits, separated by
tabs. An empty field is absent, and so is -1.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inputs.farmhash import MAX_LENGTH, fingerprint64, fingerprints64
from spec.loading import SpecError

if TYPE_CHECKING:
    import polars

NUM_INTEGERS, NUM_CATEGORICAL = 13, 26
NUM_COLUMNS = 1 + NUM_INTEGERS + NUM_CATEGORICAL
ABSENT = b"-1"
DEFAULT = b"00000000"  # stands for an absent categorical field
MAX_FIELD = MAX_LENGTH - 2  # bytes of a categorical field; two digits are appended before hashing


def rows_of(text: bytes, num_buckets: Sequence[int], origin: str, first_line: int) -> np.ndarray:
    """What the model is given for some lines of text: float32 [lines, 40].

    Raises:
      SpecError: a line is malformed; the message begins with `origin` and its number, which is
        `first_line` for the first.
    """
    import polars

    frame = _frame(text)
    if frame is None:
        raise SpecError(_complaint(text, origin, first_line))
    rows = np.empty((frame.height, NUM_COLUMNS), np.float32)
    numbers = frame[:, : 1 + NUM_INTEGERS].fill_null(0).to_numpy()
    numbers = np.maximum(numbers, 0).astype(np.float32)
    rows[:, 0] = numbers[:, 0]
    # As officially in float32 up to the logarithm, whose last bit would depend on the machine.
    shifted = numbers[:, 1:] + np.float32(1)
    rows[:, 1 : 1 + NUM_INTEGERS] = np.log(shifted.astype(np.float64))
    fields = frame.select(polars.col(polars.String).cast(polars.Binary))
    # Null where a field is absent or not of eight bytes.
    words = fields.select(polars.all().bin.reinterpret(dtype=polars.UInt64, endianness="little"))
    filled = words.fill_null(int.from_bytes(DEFAULT, "little"))
    for i, buckets in enumerate(num_buckets):
        # The number of the field is hashed too: fields share the model's table.
        ending = str(i).encode()
        hashes = fingerprints64(filled.to_series(i).to_numpy(), ending)
        word, field = words.to_series(i), fields.to_series(i)
        if word.null_count() > field.null_count():
            for row in (word.is_null() & field.is_not_null()).arg_true():
                start = DEFAULT if field[row] == ABSENT else field[row]
                hashes[row] = fingerprint64(start + ending)
        rows[:, 1 + NUM_INTEGERS + i] = hashes % np.uint64(buckets)
    return rows


def _frame(text: bytes) -> "polars.DataFrame | None":
    """The text as a table, None where it is malformed. What is empty is null."""
    import polars

    types = [polars.Int64] * (1 + NUM_INTEGERS) + [polars.String] * NUM_CATEGORICAL
    schema = {f"{number}": dtype for number, dtype in enumerate(types)}
    try:
        frame = polars.read_csv(
            text, separator="\t", has_header=False, schema=schema, quote_char=None
        )
    except polars.exceptions.PolarsError:
        return None
    # A line that is too short would be filled up with nulls.
    characters = np.frombuffer(text, np.uint8)
    lines = np.count_nonzero(characters == ord("\n"))
    tabs = np.count_nonzero(characters == ord("\t"))
    if frame.height != lines or tabs != lines * (NUM_COLUMNS - 1):
        return None
    if not frame.to_series(0).fill_null(0).is_between(-1, 1).all():
        return None
    longest = frame.select(polars.col(polars.String).str.len_bytes().max()).max_horizontal().item()
    return frame if (longest or 0) <= MAX_FIELD else None


def _complaint(text: bytes, origin: str, first_line: int) -> str:
    """What is wrong with the first malformed line."""
    for line, row in enumerate(text.removesuffix(b"\n").split(b"\n"), first_line):
        fields = row.removesuffix(b"\r").split(b"\t")
        if len(fields) != NUM_COLUMNS:
            return f"{origin}:{line}: {len(fields)} fields, expected {NUM_COLUMNS} between tabs"
        if fields[0] not in (b"", b"0", b"1", ABSENT):
            return f"{origin}:{line}: field 1 is {fields[0].decode(errors='replace')!r}, expected 0 or 1"
        for number, field in enumerate(fields[1 : 1 + NUM_INTEGERS], 2):
            if not re.fullmatch(rb"(-?[0-9]{1,18})?", field):
                shown = field[:40].decode(errors="replace")
                return f"{origin}:{line}: field {number} is {shown!r}, expected an integer"
        for number, field in enumerate(fields[1 + NUM_INTEGERS :], 2 + NUM_INTEGERS):
            if len(field) > MAX_FIELD:
                return (
                    f"{origin}:{line}: field {number} has {len(field)} bytes, expected 8 hex digits"
                )
    last = first_line + text.count(b"\n") - 1
    return f"{origin}:{first_line}: this line, or one up to line {last}, is not text in UTF-8"
