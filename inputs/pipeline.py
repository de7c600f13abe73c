"""From a data source to batches.

A batch is a pure function of (workload, seed, global batch size, step), and a shard is a run of its
rows. So the stream of batches is the same for any number of shards, the state of a pipeline is one
integer (the next step), and working ahead in threads cannot change a byte. This is less code than a
pipeline library's iterator state, and numpy on whole batches is the fastest of the arrangements
that were measured (docs/inputs.md).
"""

import collections
import concurrent.futures
import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from spec import rng
from spec.loading import SpecError
from spec.workload_pb2 import Workload

Batch = dict[str, Any]  # numpy arrays, or tuples of them where an input or a target has parts
SPLITS = ("train", "eval_train", "validation", "test")


class Source(Protocol):
    """A data set behind a workload. Module `inputs/<name>.py` with a function
    `open_source(workload)`, where <name> is that of the field in `Dataset.source`.
    """

    def num_examples(self, split: str) -> int: ...

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        """The examples at `indices` [B], in that order: arrays with leading axis B, one of them
        `targets`.

        `noise` is None without augmentation, else uniform float32 [B, noise_size] for it.
        """
        ...

    # Uniform numbers that augmenting one training example takes; 0 without augmentation.
    noise_size: int
    # SHA-256 of the data as read, hex digits.
    sha256: str


@functools.lru_cache(maxsize=4)
def _open_cached(serialized: bytes) -> Source:
    workload = Workload.FromString(serialized)
    source = workload.dataset.WhichOneof("source")
    if importlib.util.find_spec(f"inputs.{source}") is None:
        raise SpecError(f"workload {workload.name}: data set {source} cannot be read yet")
    return importlib.import_module(f"inputs.{source}").open_source(workload)


def is_readable(workload: Workload) -> bool:
    """Whether there is a module that reads the workload's data set."""
    source = workload.dataset.WhichOneof("source")
    return source is not None and importlib.util.find_spec(f"inputs.{source}") is not None


def open_source(workload: Workload) -> Source:
    """The workload's data; opened once per process."""
    return _open_cached(workload.SerializeToString(deterministic=True))


class TrainBatches:
    """The endless stream of training batches of one shard. `step` is its whole state: the number of
    the next batch.

    Epochs follow each other without a gap: every run of n examples that starts at a multiple of n
    is a permutation of the training split, and a batch may span two of them.
    """

    def __init__(
        self,
        workload: Workload,
        seed: int,
        global_batch_size: int,
        start_step: int = 0,
        shard: tuple[int, int] = (0, 1),
        num_ahead: int = 2,
    ):
        """`shard` is (number of this shard, number of shards); `num_ahead` batches are prepared in
        advance by a thread.

        Raises:
          ValueError: the batch size is not positive or not divisible by the number of shards.
        """
        index, count = shard
        if global_batch_size < 1 or global_batch_size % count:
            raise ValueError(
                f"global batch size is {global_batch_size}, expected a positive multiple of {count} (shards)"
            )
        rows = global_batch_size // count
        self.step = start_step
        self._make = functools.partial(
            train_batch,
            open_source(workload),
            seed,
            global_batch_size,
            slice(index * rows, (index + 1) * rows),
        )
        self._ahead = Prefetch(self._make, start_step, num_ahead)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = next(self._ahead)
        self.step += 1
        return batch

    def close(self) -> None:
        self._ahead.close()


def train_batch(source: Source, seed: int, global_batch_size: int, rows: slice, step: int) -> Batch:
    """Rows `rows` of training batch number `step`."""
    positions = np.arange(step * global_batch_size, (step + 1) * global_batch_size)[rows]
    num_examples = source.num_examples("train")
    epochs = positions // num_examples
    indices = np.empty(len(positions), np.int64)
    for epoch in np.unique(epochs):
        order = _order(seed, int(epoch), num_examples)
        indices[epochs == epoch] = order[positions[epochs == epoch] % num_examples]
    noise = None
    if source.noise_size:
        key = rng.key(seed, "augment", "train", step)
        noise = rng.uniform32(key, (global_batch_size, source.noise_size))[rows]
    return source.batch("train", indices, noise)


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, num_examples: int) -> np.ndarray:
    return rng.permutation(rng.key(seed, "shuffle", "train", epoch), num_examples)


train_batches = TrainBatches


def eval_batches(
    workload: Workload, split: str, shard: tuple[int, int] = (0, 1), num_ahead: int = 2
) -> Iterator[Batch]:
    """One pass over a split for evaluation, in a fixed order, without augmentation.

    Every batch has the workload's evaluation batch size; `weights` (see `weights_of`) is 0 on rows
    that fill up the last one. `eval_train` is a fixed random subset of the training split, the
    same for every seed.
    """
    source = open_source(workload)
    indices = eval_indices(workload, source, split)
    num_batches = -(-len(indices) // workload.eval_batch_size)
    make = functools.partial(eval_batch, workload, source, split, indices, shard)
    with Prefetch(make, 0, num_ahead, num_batches) as ahead:
        yield from ahead


def eval_splits(workload: Workload) -> list[str]:
    """The splits an evaluation goes over, in order; a workload may have no test split."""
    return [name for name in SPLITS if name != "train" and workload.splits.HasField(name)]


def eval_indices(workload: Workload, source: Source, split: str) -> np.ndarray:
    """The examples an evaluation of `split` looks at, in order; int64."""
    if split == "eval_train":
        order = _order(0, 0, source.num_examples("train"))
        return order[: workload.splits.eval_train]
    return np.arange(getattr(workload.splits, split))


def eval_batch(
    workload: Workload,
    source: Source,
    split: str,
    indices: np.ndarray,
    shard: tuple[int, int],
    number: int,
) -> Batch:
    """Batch number `number` of one pass; rows of this shard."""
    size = workload.eval_batch_size
    chosen = indices[number * size : (number + 1) * size]
    batch = source.batch("train" if split == "eval_train" else split, chosen, None)
    batch["weights"] = weights_of(batch)
    rows = size // shard[1]
    chosen_rows = slice(shard[0] * rows, (shard[0] + 1) * rows)
    return map_arrays(lambda array: _pad(array, size)[chosen_rows], batch)


def weights_of(batch: Batch) -> np.ndarray:
    """The batch's own weights, or ones: float32, one for every label of `targets`, and one for every
    example where these are images or have parts.
    """
    targets = batch["targets"]
    if isinstance(targets, tuple):
        shape = targets[0].shape[:1]
    else:
        shape = targets.shape if targets.ndim < 3 else targets.shape[:1]
    return batch.get("weights", np.ones(shape, np.float32))


def map_arrays(function: Callable[[np.ndarray], np.ndarray], batch: Batch) -> Batch:
    """The batch with the function applied to each of its arrays."""
    return {
        name: tuple(map(function, value)) if isinstance(value, tuple) else function(value)
        for name, value in batch.items()
    }


def named_arrays(batch: Batch) -> dict[str, np.ndarray]:
    """The batch's arrays by name; those of a tuple are `<name>/0` and so on."""
    named: dict[str, np.ndarray] = {}
    for name, value in batch.items():
        if isinstance(value, tuple):
            named |= {f"{name}/{number}": array for number, array in enumerate(value)}
        else:
            named[name] = value
    return named


def _pad(array: np.ndarray, size: int) -> np.ndarray:
    """Appends rows of zeros up to `size` rows."""
    if len(array) == size:
        return array
    return np.concatenate([array, np.zeros((size - len(array), *array.shape[1:]), array.dtype)])


class Prefetch:
    """Iterates over make(start), make(start+1) ... (up to `stop`), computed `num_ahead` items in
    advance by one thread.

    An exception of `make` is raised when its item is asked for.
    """

    def __init__(
        self, make: Callable[[int], Batch], start: int, num_ahead: int, stop: int | None = None
    ):
        self._make = make
        self._next = start
        self._stop = stop
        self._executor = concurrent.futures.ThreadPoolExecutor(1, "inputs")
        self._futures: collections.deque[concurrent.futures.Future[Batch]] = collections.deque()
        for _ in range(max(1, num_ahead)):
            self._submit()

    def _submit(self) -> None:
        if self._stop is None or self._next < self._stop:
            self._futures.append(self._executor.submit(self._make, self._next))
            self._next += 1

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if not self._futures:
            raise StopIteration
        future = self._futures.popleft()
        self._submit()
        return future.result()

    def __enter__(self) -> "Prefetch":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


def data_sha256(workload: Workload) -> str:
    """SHA-256 of the workload's data as read, hex digits; empty where the source is too large to
    hash.
    """
    return open_source(workload).sha256
