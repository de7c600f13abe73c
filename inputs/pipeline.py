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
from typing import Any, Protocol, runtime_checkable

import numpy as np

from inputs import mixup, packing
from spec import rng
from spec.loading import SpecError
from spec.workload_pb2 import Workload

Batch = dict[str, Any]  # of arrays, or of tuples or dictionaries of arrays
SPLITS = ("train", "eval_train", "validation", "test")


class Source(Protocol):
    """A data set behind a workload. Module `inputs/<name>.py` with a function
    `open_source(workload)`, where <name> is that of the field in `Dataset.source`.

    Two more attributes are for the few sources that need them:

    * `mixup_alpha: float`, if it is there and not 0: training examples are mixed with a weight
      from Beta(alpha, alpha), one for each batch. Each is mixed with the one before it in the global
      batch, the first with the last. All arrays are float32 then.
    * `keeps_noise: bool`, if it is there and true: within a run, a training example gets the same
      noise every time.
    """

    def num_examples(self, split: str) -> int: ...

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        """The examples at `indices` [B], in that order: arrays with leading axis B, one of them
        `targets`.

        `noise` is None without augmentation, else uniform float32 [B, noise_size] for it.
        """
        ...

    # Optional. Split that `eval_train` is a subset of, where training examples are not such as are
    # evaluated; `train` without it.
    # eval_train_split: str

    # Optional. `text(ids)` is the sentence behind a list of tokens, where texts are compared.

    # Optional. SHA-256 of the data as read, hex digits; none where there are too many of them. It is
    # asked for once a run and may be costly.
    # sha256: str

    # Uniform numbers that augmenting one training example takes; 0 without augmentation.
    noise_size: int


@runtime_checkable
class OrderedSource(Source, Protocol):
    """A source with an order of its own for training examples, such as one that has too many of
    them for a permutation in memory.
    """

    def train_order(self, key: rng.Key, positions: np.ndarray) -> np.ndarray:
        """The examples at `positions` [B] of an epoch; over the whole epoch each comes once, and
        `key` alone decides where.
        """
        ...


@runtime_checkable
class PackedSource(Source, Protocol):
    """A source of examples that differ in size. The rows of a batch are `num_parts` parts, each of
    as many examples as fit, and `batch` takes indices [parts, most examples of a part], where -1
    follows the last.
    """

    num_parts: int

    def sizes(self, split: str) -> np.ndarray:
        """[examples of the split, measures], integers."""
        ...

    def budget(self, batch_size: int) -> packing.Budget:
        """What a part holds at most in batches of `batch_size` examples at most."""
        ...


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
          ValueError: the batch size is not positive or not divisible by the number of shards (or
            of parts, and these by that of shards).
        """
        index, count = shard
        if global_batch_size < 1 or global_batch_size % count:
            raise ValueError(
                f"global batch size is {global_batch_size}, expected a positive multiple of {count} (shards)"
            )
        source = open_source(workload)
        rows = _rows_of_batch(workload, source, global_batch_size, count) // count
        self.step = start_step
        self._make = functools.partial(
            train_batch,
            source,
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
    if isinstance(source, PackedSource):
        stream = _stream(source, seed, global_batch_size)  # type: ignore[arg-type]  # by identity
        parts = stream.part_indices(step * source.num_parts, (step + 1) * source.num_parts)
        return source.batch("train", parts[rows], None)
    chosen = np.arange(global_batch_size)[rows]
    alpha = getattr(source, "mixup_alpha", 0.0)
    if not alpha:
        return _train_rows(source, seed, global_batch_size, chosen, step)
    with_partner = np.append(chosen[0] - 1, chosen) % global_batch_size
    batch = _train_rows(source, seed, global_batch_size, with_partner, step)
    return mixup.mixed(batch, mixup.weight(rng.key(seed, "mixup", "train", step), alpha))


def _train_rows(
    source: Source, seed: int, global_batch_size: int, rows: np.ndarray, step: int
) -> Batch:
    """Rows number `rows` of training batch number `step`, before any mixing."""
    positions = step * global_batch_size + rows
    num_examples = source.num_examples("train")
    epochs = positions // num_examples
    indices = np.empty(len(positions), np.int64)
    for epoch in np.unique(epochs):
        chosen = epochs == epoch
        indices[chosen] = train_order(source, seed, int(epoch), positions[chosen] % num_examples)
    noise = None
    if getattr(source, "keeps_noise", False):
        keys = [rng.key(seed, "augment", "example", index) for index in indices.tolist()]
        noise = np.stack([rng.uniform32(key, (source.noise_size,)) for key in keys])
    elif source.noise_size:
        key = rng.key(seed, "augment", "train", step)
        noise = rng.uniform32(key, (global_batch_size, source.noise_size))[rows]
    return source.batch("train", indices, noise)


def train_order(source: Source, seed: int, epoch: int, positions: np.ndarray) -> np.ndarray:
    """The training examples at `positions` [B] of an epoch, int64 [B]."""
    key = rng.key(seed, "shuffle", "train", epoch)
    if isinstance(source, OrderedSource):
        return source.train_order(key, positions)
    return _permutation(key, source.num_examples("train"))[positions]


@functools.lru_cache(maxsize=2)
def _permutation(key: rng.Key, num_examples: int) -> np.ndarray:
    return rng.permutation(key, num_examples)


@functools.lru_cache(maxsize=4)
def _stream(source: PackedSource, seed: int, global_batch_size: int) -> packing.Stream:
    positions = np.arange(source.num_examples("train"))
    return packing.Stream(
        source.sizes("train"),
        lambda epoch: train_order(source, seed, epoch, positions),
        source.budget(global_batch_size),
    )


def _rows_of_batch(workload: Workload, source: Source, batch_size: int, num_shards: int) -> int:
    """Length of the first axis of a batch: its examples, or its parts, which the batch size must be
    a multiple of, and the number of shards a divisor.
    """
    if not isinstance(source, PackedSource):
        return batch_size
    if batch_size % source.num_parts or source.num_parts % num_shards:
        raise ValueError(
            f"batch size is {batch_size} on {num_shards} shards; {workload.name} expects a multiple of "
            f"{source.num_parts} (parts) on a number of shards that divides {source.num_parts}"
        )
    return source.num_parts


train_batches = TrainBatches


def eval_batches(
    workload: Workload, split: str, shard: tuple[int, int] = (0, 1), num_ahead: int = 2
) -> Iterator[Batch]:
    """One pass over a split for evaluation, in a fixed order, without augmentation.

    Every batch has the workload's evaluation batch size; `weights` (see `weights_of`) is 0 on rows
    that fill up the last one. `eval_train` is a fixed random subset of the training split, the
    same for every seed.
    """
    if workload.eval_batch_size % shard[1]:
        raise ValueError(
            f"workload {workload.name}: eval_batch_size is {workload.eval_batch_size}, expected a "
            f"multiple of {shard[1]} (shards)"
        )
    source = open_source(workload)
    make: Callable[[int], Batch]
    if isinstance(source, PackedSource):
        num_rows = _rows_of_batch(workload, source, workload.eval_batch_size, shard[1])
        parts = _eval_parts(workload, source, split)
        num_batches = len(parts) // num_rows
        make = functools.partial(_packed_eval_batch, source, split, parts, shard)
    else:
        num_batches = -(-getattr(workload.splits, split) // workload.eval_batch_size)
        make = functools.partial(eval_batch, workload, source, split, shard)
    with Prefetch(make, 0, num_ahead, num_batches) as ahead:
        yield from ahead


def eval_splits(workload: Workload) -> list[str]:
    """The splits an evaluation goes over, in order; a workload may have no test split."""
    return [name for name in SPLITS if name != "train" and workload.splits.HasField(name)]


def eval_batch(
    workload: Workload, source: Source, split: str, shard: tuple[int, int], number: int
) -> Batch:
    """Batch number `number` of one pass; rows of this shard."""
    size = workload.eval_batch_size
    stop = min((number + 1) * size, getattr(workload.splits, split))
    indices = np.arange(number * size, stop)
    if split == "eval_train":
        split = getattr(source, "eval_train_split", "train")
        indices = _eval_train_order(source, split, indices)
    batch = source.batch(split, indices, None)
    batch["weights"] = weights_of(batch)
    rows = size // shard[1]
    chosen_rows = slice(shard[0] * rows, (shard[0] + 1) * rows)
    return map_arrays(lambda array: _pad(array, size)[chosen_rows], batch)


def _eval_parts(workload: Workload, source: PackedSource, split: str) -> np.ndarray:
    """The examples of one pass, of each part [parts, most examples of a part], with parts of none up
    to the end of the last batch.
    """
    indices = np.arange(getattr(workload.splits, split))
    if split == "eval_train":
        split, indices = "train", train_order(source, 0, 0, indices)
    budget = source.budget(workload.eval_batch_size)
    parts = packing.parts(indices, packing.part_ends(source.sizes(split)[indices], budget), budget)
    return np.pad(parts, ((0, -len(parts) % source.num_parts), (0, 0)), constant_values=-1)


def _packed_eval_batch(
    source: PackedSource, split: str, parts: np.ndarray, shard: tuple[int, int], number: int
) -> Batch:
    """Batch number `number` of one pass; parts of this shard."""
    rows = source.num_parts // shard[1]
    first = number * source.num_parts + shard[0] * rows
    chosen = parts[first : first + rows]
    return source.batch("train" if split == "eval_train" else split, chosen, None)


def _eval_train_order(source: Source, split: str, positions: np.ndarray) -> np.ndarray:
    """The examples of `split` at `positions` [B] of `eval_train`, int64 [B]."""
    if split == "train":
        return train_order(source, 0, 0, positions)
    return _permutation(rng.key(0, "shuffle", split), source.num_examples(split))[positions]


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


def map_arrays(function: Callable[[np.ndarray], np.ndarray], batch: Any) -> Any:
    """The batch with the function applied to each of its arrays."""
    if isinstance(batch, dict):
        return {name: map_arrays(function, value) for name, value in batch.items()}
    if isinstance(batch, tuple):
        return tuple(map_arrays(function, value) for value in batch)
    return function(batch)


def named_arrays(batch: Batch) -> dict[str, np.ndarray]:
    """The batch's arrays by name; those of a tuple are `<name>/0` and so on, those of a dictionary
    `<name>.<key>`.
    """
    named: dict[str, np.ndarray] = {}
    for name, value in batch.items():
        if isinstance(value, tuple):
            named |= {f"{name}/{number}": array for number, array in enumerate(value)}
        elif isinstance(value, dict):
            named |= {f"{name}.{key}": array for key, array in value.items()}
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


def text_of(workload: Workload) -> Callable[[list[int]], str]:
    """What makes a text of the tokens of the workload's data: sentences or transcripts."""
    source: Any = open_source(workload)
    return source.text


def data_sha256(workload: Workload) -> str:
    """SHA-256 of the workload's data as read, hex digits; empty where the source is too large to
    hash.
    """
    return getattr(open_source(workload), "sha256", "")
