import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs import pipeline
from inputs.pipeline import Batch, Prefetch, TrainBatches, eval_batch, train_batch
from spec import loading, rng
from spec.workload_pb2 import Splits, Workload

DIGITS = loading.load_workload("digits_vit")


class Numbers:
    """Ten examples that are their own index; noise is passed on."""

    noise_size = 1
    keeps_noise = False

    def num_examples(self, split: str) -> int:
        return 10

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        batch = {"inputs": indices.copy(), "targets": indices.copy()}
        return batch if noise is None else batch | {"noise": noise}


TEN = Workload(eval_batch_size=4, splits=Splits(train=10, eval_train=6, validation=10))


class Backwards(Numbers):
    """The same in an order of its own."""

    def train_order(self, key: rng.Key, positions: np.ndarray) -> np.ndarray:
        return 9 - positions


def train(step: int, size: int, rows: slice = slice(None), seed: int = 0) -> Batch:
    return train_batch(Numbers(), seed, size, rows, step)


@given(size=st.integers(1, 7), seed=st.integers(0, 3))
def test_every_epoch_holds_every_example_once(size: int, seed: int) -> None:
    num_batches = 3 * math.lcm(10, size) // size
    stream = np.concatenate([train(step, size, seed=seed)["inputs"] for step in range(num_batches)])
    for epoch in stream.reshape(-1, 10):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(10))


def test_a_source_may_have_an_order_of_its_own() -> None:
    batches = [train_batch(Backwards(), 0, 4, slice(None), step)["inputs"] for step in range(3)]
    np.testing.assert_array_equal(np.concatenate(batches), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 9, 8])
    subset = eval_batch(TEN, Backwards(), "eval_train", (0, 1), 1)
    np.testing.assert_array_equal(subset["inputs"], [5, 4, 0, 0])


def test_epochs_and_seeds_are_in_other_orders() -> None:
    first, second = (train(step, 10)["inputs"] for step in range(2))
    assert (first != second).any()
    assert (first != train(0, 10, seed=1)["inputs"]).any()


@pytest.mark.parametrize(("seed", "step"), [(0, 0), (0, 1), (1, 1)])
def test_noise_is_of_the_seed_and_of_the_step(seed: int, step: int) -> None:
    expected = rng.uniform32(rng.key(seed, "augment", "train", step), (6, 1))
    np.testing.assert_array_equal(train(step, 6, seed=seed)["noise"], expected)


@pytest.mark.parametrize(("seed", "step"), [(0, 0), (0, 1), (1, 1)])
def test_noise_that_is_kept_is_of_the_seed_and_of_the_example(seed: int, step: int) -> None:
    source = Numbers()
    source.keeps_noise = True
    batch = train_batch(source, seed, 6, slice(None), step)
    keys = [rng.key(seed, "augment", "example", index) for index in batch["inputs"].tolist()]
    np.testing.assert_array_equal(batch["noise"], [rng.uniform32(key, (1,)) for key in keys])


@given(step=st.integers(0, 5), shards=st.sampled_from([1, 2, 3, 6]))
def test_shards_put_together_are_the_global_batch(step: int, shards: int) -> None:
    whole = train(step, 6)
    size = 6 // shards
    parts = [train(step, 6, slice(i * size, (i + 1) * size)) for i in range(shards)]
    for key in whole:
        np.testing.assert_array_equal(np.concatenate([p[key] for p in parts]), whole[key])


def first(count: int, **options: Any) -> list[Batch]:
    batches = TrainBatches(DIGITS, 5, 32, **options)
    taken = list(itertools.islice(batches, count))
    batches.close()
    return taken


def assert_equal(left: list[Batch], right: list[Batch]) -> None:
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            assert a[key].tobytes() == b[key].tobytes() and a[key].dtype == b[key].dtype


def test_a_pipeline_resumes_from_its_step() -> None:
    batches = TrainBatches(DIGITS, 5, 32)
    for _ in range(3):
        next(batches)
    state = batches.step
    batches.close()
    assert state == 3
    assert_equal(first(2, start_step=state), first(5)[3:])


@pytest.mark.parametrize("num_ahead", [1, 5])
def test_working_ahead_changes_no_byte(num_ahead: int) -> None:
    assert_equal(first(4, num_ahead=num_ahead), first(4))


@pytest.mark.parametrize(("size", "shards"), [(0, 1), (-4, 1), (5, 2)])
def test_a_batch_size_must_be_a_multiple_of_the_shards(size: int, shards: int) -> None:
    with pytest.raises(ValueError, match=f"global batch size is {size}, expected a positive"):
        TrainBatches(DIGITS, 0, size, shard=(0, shards))


def test_the_ragged_last_batch_is_filled_up_with_weight_0() -> None:
    batches = [eval_batch(TEN, Numbers(), "validation", (0, 1), number) for number in range(3)]
    np.testing.assert_array_equal(batches[0]["weights"], [1, 1, 1, 1])
    np.testing.assert_array_equal(batches[2]["inputs"], [8, 9, 0, 0])
    np.testing.assert_array_equal(batches[2]["weights"], [1, 1, 0, 0])


def test_evaluation_shards_put_together_are_the_batch() -> None:
    arguments = (TEN, Numbers(), "validation")
    whole = eval_batch(*arguments, (0, 1), 2)
    halves = [eval_batch(*arguments, (shard, 2), 2) for shard in range(2)]
    for key in whole:
        np.testing.assert_array_equal(np.concatenate([h[key] for h in halves]), whole[key])


def test_an_evaluation_batch_must_be_a_multiple_of_the_shards() -> None:
    with pytest.raises(ValueError, match="eval_batch_size is 100, expected a multiple of 3"):
        next(iter(pipeline.eval_batches(DIGITS, "validation", shard=(0, 3))))


@pytest.mark.parametrize("split", ["eval_train", "validation", "test"])
def test_an_evaluation_sees_each_example_once(split: str) -> None:
    batches = list(pipeline.eval_batches(DIGITS, split))
    assert {len(batch["inputs"]) for batch in batches} == {DIGITS.eval_batch_size}
    weight = sum(batch["weights"].sum() for batch in batches)
    assert weight == getattr(DIGITS.splits, split)


def test_eval_train_is_the_same_part_of_the_training_split_every_time() -> None:
    first, again = (
        [eval_batch(TEN, Numbers(), "eval_train", (0, 1), number) for number in range(2)]
        for _ in range(2)
    )
    assert_equal(first, again)
    rows = np.concatenate([batch["inputs"][batch["weights"] > 0] for batch in first])
    assert len(rows) == len(set(rows.tolist())) == 6 and rows.max() < 10
    np.testing.assert_array_equal(rows, train(0, 6)["inputs"])


def test_a_workload_may_have_no_test_split() -> None:
    workload = Workload()
    workload.CopyFrom(DIGITS)
    workload.splits.ClearField("test")
    assert pipeline.eval_splits(workload) == ["eval_train", "validation"]


def test_prefetch_raises_where_the_item_is_asked_for() -> None:
    def make(number: int) -> Batch:
        if number == 2:
            raise OSError("disk gone")
        return {"number": np.array(number)}

    with Prefetch(make, 0, num_ahead=3, stop=5) as items:
        assert [int(next(items)["number"]) for _ in range(2)] == [0, 1]
        with pytest.raises(OSError, match="disk gone"):
            next(items)
        assert [int(item["number"]) for item in items] == [3, 4]
