"""Criteo 1TB: lines of random clicks."""

import gzip
import itertools
import os
from pathlib import Path

from benchmarks.inputs.case import Case, Measured, resized, silence, train_batches
from inputs import criteo1tb, storage, testing
from spec import loading

NUM_LINES = 200_000
BATCH = 16_384


def raw(folder: Path) -> Measured:
    """From a gzipped day to prepared files."""
    make_day(folder)
    numbers = itertools.count()

    def prepare() -> float:
        options = loading.load_workload("criteo1tb").dataset.criteo1tb
        with silence():
            criteo1tb.prepare_days(folder, folder / f"{next(numbers)}", options)
        return NUM_LINES

    return prepare


def prepared(folder: Path) -> Measured:
    make_day(folder)
    workload = resized("criteo1tb", 23 * NUM_LINES, NUM_LINES // 2, NUM_LINES // 2)
    workload.dataset.criteo1tb.lines_per_file = NUM_LINES // 2
    workload.dataset.criteo1tb.num_test_files = 1
    for day in range(1, criteo1tb.NUM_DAYS):
        os.link(folder / "day_0.gz", folder / f"day_{day}.gz")
    with silence():
        place = storage.data_folder("criteo1tb")
        criteo1tb.prepare_days(folder, place, workload.dataset.criteo1tb)
    return train_batches(criteo1tb.open_source(workload), BATCH, num_batches=20)


def make_day(folder: Path) -> None:
    (folder / "day_0.gz").write_bytes(gzip.compress(testing.criteo_lines(0, NUM_LINES), 6))


CASES = [
    Case("criteo1tb, raw", "lines", 150_000, raw),
    Case("criteo1tb, prepared", "lines", 300_000, prepared),
]
