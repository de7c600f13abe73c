"""Which examples make a batch where examples differ in size: a batch has parts, and each takes
examples in order as long as they fit.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Budget(NamedTuple):
    """What a part holds at most."""

    num_examples: int
    totals: tuple[int, ...]  # of every measure of size


def part_ends(sizes: np.ndarray, budget: Budget) -> list[int]:
    """Where each part ends if examples of `sizes` [n, measures] are taken in order; the last end is
    n.

    Raises:
      ValueError: an example is over the budget by itself.
    """
    sums = np.cumsum(sizes, 0, dtype=np.int64)
    ends, start, spent = [], 0, np.zeros(sizes.shape[1], np.int64)
    while start < len(sizes):
        limits = (
            int(np.searchsorted(column, before + total, "right"))
            for column, before, total in zip(sums.T, spent, budget.totals, strict=True)
        )
        end = min(start + budget.num_examples, len(sizes), *limits)
        if end == start:
            raise ValueError(
                f"an example has the sizes {sizes[start].tolist()}, but a part of a batch holds "
                f"{list(budget.totals)} at most: choose a larger batch"
            )
        ends.append(end)
        start, spent = end, sums[end - 1]
    return ends


def parts(indices: np.ndarray, ends: list[int], budget: Budget) -> np.ndarray:
    """int64 [number of ends, num_examples]: the indices of each part, then -1."""
    result = np.full((len(ends), budget.num_examples), -1, np.int64)
    counts = np.diff(ends, prepend=0)
    result[np.arange(budget.num_examples) < counts[:, None]] = indices[: ends[-1]]
    return result


class Stream:
    """The parts of an endless stream of epochs, which follow each other without a gap. What part
    number i is depends on nothing else; how far the stream is known only grows.
    """

    def __init__(self, sizes: np.ndarray, order: Callable[[int], np.ndarray], budget: Budget):
        """`order` gives the indices of an epoch; `sizes` [n, measures] are those of all examples."""
        self._sizes, self._order, self._budget = sizes, order, budget
        self._starts = [0]  # where parts start, in examples since the first epoch
        self._num_epochs = 0
        self._rest = np.empty(0, np.int64)  # of the epochs known, what makes no full part yet
        self._lock = threading.Lock()

    def part_indices(self, first: int, last: int) -> np.ndarray:
        """int64 [last - first, num_examples]: the examples of parts first to last - 1; -1 where a
        part has no more.
        """
        with self._lock:
            while len(self._starts) <= last:
                self._add_epoch()
        starts = self._starts[first : last + 1]
        epochs = range(starts[0] // len(self._sizes), (starts[-1] - 1) // len(self._sizes) + 1)
        known = np.concatenate([self._order(epoch) for epoch in epochs])
        offset = starts[0] - epochs[0] * len(self._sizes)
        ends = [start - starts[0] for start in starts[1:]]
        return parts(known[offset:], ends, self._budget)

    def _add_epoch(self) -> None:
        indices = np.concatenate([self._rest, self._order(self._num_epochs)])
        self._num_epochs += 1
        ends = part_ends(self._sizes[indices], self._budget)
        # The last part may take more of the next epoch.
        full = ends[:-1]
        start = self._starts[-1]
        self._starts += [start + end for end in full]
        self._rest = indices[full[-1] if full else 0 :]
