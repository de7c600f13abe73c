"""What the measurements of the input pipelines share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from inputs import pipeline, storage
from inputs.pipeline import Source
from spec import loading
from spec.workload_pb2 import Workload

# Gives what is to be measured, which returns the number of units that it went through.
Measured = Callable[[], float]


class Case(NamedTuple):
    name: str
    unit: str
    bound: float  # units per CPU second that are asked for; 0 for none
    set_up: Callable[[Path], Measured]  # gets an empty folder; data folders are empty too


def resized(name: str, train: int, validation: int, test: int) -> Workload:
    """The workload with other numbers of examples."""
    workload = Workload()
    workload.CopyFrom(loading.load_workload(name))
    splits = workload.splits
    splits.train, splits.validation, splits.test = train, validation, test
    splits.eval_train = min(splits.eval_train, train)
    return workload


def train_batches(source: Source, batch_size: int, num_batches: int) -> Measured:
    """The first training batches, augmented."""

    def go_through() -> float:
        for step in range(num_batches):
            pipeline.train_batch(source, 0, batch_size, slice(None), step)
        return num_batches * batch_size

    return go_through


@contextmanager
def silence() -> Iterator[None]:
    """Without the lines of progress."""
    shown, storage.progress = storage.progress, lambda text: None
    try:
        yield
    finally:
        storage.progress = shown
