from inputs import pipeline, stand_in
from spec import loading


def test_examples_have_the_shape_of_the_workloads_own() -> None:
    workload = stand_in.stand_in(loading.load_workload("imagenet_vit"), 3)
    batch = pipeline.train_batch(pipeline.open_source(workload), 0, 3, slice(None), 0)
    assert batch["inputs"].shape == (3, 224, 224, 3)
    assert batch["targets"].shape == (3,)
    assert batch["targets"].max() > 10


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
