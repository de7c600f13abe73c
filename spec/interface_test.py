import pytest

from spec import interface, loading
from spec.interface import ForwardPassMode, LossType, ParameterType, WorkloadInterface
from spec.loading import SpecError
from spec.workload_pb2 import Workload


def test_enumerations_have_the_official_numbers() -> None:
    assert list(ForwardPassMode) == [0, 1]
    assert LossType["MEAN_ABSOLUTE_ERROR"] == 4
    assert ParameterType["ATTENTION_BIAS"] == 14 and len(ParameterType) == 15


def test_attributes_come_from_the_message() -> None:
    message = loading.load_workload("digits_vit")
    workload = WorkloadInterface(message, "v0.6")
    rules = message.rules["v0.6"]
    assert workload.name == "digits_vit"
    assert workload.target_metric_name == "accuracy"
    assert workload.validation_target_value == rules.validation_target
    assert workload.test_target_value == rules.test_target
    assert workload.step_hint == rules.step_hint
    assert workload.max_allowed_runtime_sec == rules.max_runtime_sec
    assert workload.loss_type is LossType["SOFTMAX_CROSS_ENTROPY"]
    assert workload.num_train_examples == message.splits.train
    assert workload.metrics_logger is None


def test_what_is_changed_is_the_workloads_own() -> None:
    message = loading.load_workload("digits_vit")
    num_validation, target = message.splits.validation, message.rules["v0.6"].validation_target
    workload, other = (WorkloadInterface(message, "v0.6") for _ in range(2))
    workload.message.splits.validation = 1
    workload.rules.validation_target = 0.0
    assert workload.num_validation_examples == 1 and workload.validation_target_value == 0.0
    for untouched in (WorkloadInterface(message, "v0.6"), other):
        assert untouched.num_validation_examples == num_validation == message.splits.validation
        assert untouched.validation_target_value == target


def test_a_workload_is_hashed_by_identity() -> None:
    message = loading.load_workload("digits_vit")
    first, second = (WorkloadInterface(message, "v0.6") for _ in range(2))
    assert first != second and len({first, second}) == 2


def test_what_a_workload_does_not_have_is_none() -> None:
    message = Workload()
    message.CopyFrom(loading.load_workload("digits_vit"))
    message.splits.ClearField("test")
    message.rules["v0.6"].ClearField("test_target")
    workload = WorkloadInterface(message, "v0.6")
    assert workload.num_test_examples is None and workload.test_target_value is None


def test_a_workload_without_a_model_cannot_be_built() -> None:
    message = Workload(name="w", title="known to scoring")
    with pytest.raises(SpecError, match="workload w is known to scoring only"):
        WorkloadInterface(message, "v0.6")


def test_shapes_are_no_trees() -> None:
    assert interface.ShapeTuple((2, 3)).shape_tuple == (2, 3)
    assert not isinstance(interface.ShapeTuple((2, 3)), tuple)
