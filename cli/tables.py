"""Columns of text for a terminal."""

from collections.abc import Iterable, Sequence

Row = Sequence[object]


def print_table(rows: Iterable[Row]) -> None:
    """Prints rows with columns flush left."""
    print(table(rows))


def table(rows: Iterable[Row]) -> str:
    """Rows with columns flush left, all but the last padded."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = []
    for text in texts:
        cells = [cell.ljust(width) for cell, width in zip(text, widths, strict=True)]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)
