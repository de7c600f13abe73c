"""Prints what the readers of published data get through, per second of this process's CPU time over
all threads, beside the bound.

    python -m benchmarks.inputs [NAME ...] [--repeat N]

A case makes its files of random contents in the published format, in a temporary folder, and is
measured on them; making them is not measured. Best of N: other programs on the machine make every
figure worse, none better.
"""

import argparse
import gzip
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from inputs import cifar10, criteo1tb, mnist, pipeline, storage, testing
from inputs.pipeline import Source
from spec import loading
from spec.workload_pb2 import Workload

# Gives what is to be measured, which returns the number of examples that it went through.
Measured = Callable[[], int]


class Case(NamedTuple):
    name: str
    unit: str
    bound: float  # units per CPU second that are asked for; 0 for none
    set_up: Callable[[Path], Measured]  # gets an empty folder


CRITEO_LINES = 200_000
CRITEO_BATCH = 16_384
SMALL_BATCH = 1_024


def criteo_raw(folder: Path) -> Measured:
    """From a gzipped day to prepared files."""
    make_criteo_day(folder)
    numbers = iter(range(1_000_000))

    def prepare() -> int:
        options = loading.load_workload("criteo1tb").dataset.criteo1tb
        with silence():
            criteo1tb.prepare_days(folder, folder / f"{next(numbers)}", options)
        return CRITEO_LINES

    return prepare


def criteo_prepared(folder: Path) -> Measured:
    """Training batches, in the order of training."""
    make_criteo_day(folder)
    workload = resized("criteo1tb", 23 * CRITEO_LINES, CRITEO_LINES // 2, CRITEO_LINES // 2)
    workload.dataset.criteo1tb.lines_per_file = CRITEO_LINES // 2
    workload.dataset.criteo1tb.num_test_files = 1
    for day in range(1, criteo1tb.NUM_DAYS):
        os.link(folder / "day_0.gz", folder / f"day_{day}.gz")
    prepared = storage.data_folder("criteo1tb")
    with silence():
        criteo1tb.prepare_days(folder, prepared, workload.dataset.criteo1tb)
    return batches(criteo1tb.open_source(workload), CRITEO_BATCH)


def mnist_prepared(folder: Path) -> Measured:
    testing.write_mnist(folder, 12_000, 2_000)
    with silence():
        mnist.prepare(folder, storage.data_folder("mnist"))
    return batches(mnist.open_source(resized("mnist", 10_000, 2_000, 2_000)), SMALL_BATCH)


def cifar10_prepared(folder: Path) -> Measured:
    """With crops and mirror images."""
    testing.write_cifar10(folder, 2_000)
    with silence():
        cifar10.prepare(folder, storage.data_folder("cifar10"))
    return batches(cifar10.open_source(resized("cifar", 9_000, 1_000, 2_000)), SMALL_BATCH)


CASES = [
    Case("criteo1tb, raw", "lines", 150_000, criteo_raw),
    Case("criteo1tb, prepared", "lines", 300_000, criteo_prepared),
    Case("mnist, prepared", "images", 0, mnist_prepared),
    Case("cifar10, prepared", "images", 0, cifar10_prepared),
]


def make_criteo_day(folder: Path) -> None:
    text = testing.criteo_lines(0, CRITEO_LINES)
    (folder / "day_0.gz").write_bytes(gzip.compress(text, 6))


def resized(name: str, train: int, validation: int, test: int) -> Workload:
    """The workload with other numbers of examples."""
    workload = Workload()
    workload.CopyFrom(loading.load_workload(name))
    workload.splits.train, workload.splits.validation = train, validation
    workload.splits.test = test
    return workload


def batches(source: Source, batch_size: int) -> Measured:
    """The first 20 training batches, augmented."""

    def go_through() -> int:
        for step in range(20):
            pipeline.train_batch(source, 0, batch_size, slice(None), step)
        return 20 * batch_size

    return go_through


@contextmanager
def silence() -> Iterator[None]:
    """Without the lines of progress."""
    shown, storage.progress = storage.progress, lambda text: None
    try:
        yield
    finally:
        storage.progress = shown


def per_cpu_second(measured: Measured) -> float:
    start = time.process_time()
    count = measured()
    return count / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases that begin so; default all")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    arguments = parser.parse_args()
    print(f"{'case':24} {'per CPU second':>24} {'bound':>12}  within")
    for case in CASES:
        if arguments.names and not case.name.startswith(tuple(arguments.names)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.environ[storage.VARIABLE] = f"{folder}/prepared"
            raw = Path(folder) / "raw"
            raw.mkdir()
            measured = case.set_up(raw)
            measured()  # imports, and pages of files, are not counted
            best = max(per_cpu_second(measured) for _ in range(arguments.repeat))
        figure = f"{best:,.0f} {case.unit}"
        bound = f"{case.bound:,.0f}" if case.bound else "none"
        within = "yes" if best >= case.bound else "NO"
        print(f"{case.name:24} {figure:>24} {bound:>12}  {within if case.bound else ''}".rstrip())


if __name__ == "__main__":
    main()
