import pytest

from inputs import pipeline, stand_in
from spec import loading


def test_examples_have_the_shape_of_the_workloads_own() -> None:
    workload = stand_in.stand_in(loading.load_workload("imagenet_vit"), 3)
    batch = pipeline.train_batch(pipeline.open_source(workload), 0, 3, slice(None), 0)
    assert batch["inputs"].shape == (3, 224, 224, 3)
    assert batch["targets"].shape == (3,)
    assert batch["targets"].max() > 10


@pytest.mark.parametrize(("size", "num_parts"), [(1, 1), (6, 2), (24, 8)])
def test_graphs_are_packed_as_the_workloads_own(size: int, num_parts: int) -> None:
    workload = stand_in.stand_in(loading.load_workload("ogbg"), size)
    batch = pipeline.train_batch(pipeline.open_source(workload), 0, size, slice(None), 0)
    assert batch["inputs"]["nodes"].shape == (num_parts, size // num_parts * 26 + 1, 9)
    assert batch["weights"].any((1, 2)).all()


def test_everything_but_the_data_stays() -> None:
    workload = loading.load_workload("imagenet_vit")
    replaced = stand_in.stand_in(workload, 3)
    assert replaced.model == workload.model
    assert replaced.rules == workload.rules
    assert replaced.splits.train == replaced.splits.validation == 3
    assert workload.splits.train == 1_281_167


def test_data_that_are_always_at_hand_are_not_replaced() -> None:
    workload = loading.load_workload("digits_vit")
    assert stand_in.stand_in(workload, 3) == workload
