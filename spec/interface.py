"""The official workload object, as far as it does not depend on a framework, and the names that
submissions import with it.

A backend's `Workload` extends `WorkloadInterface` with `init_model_fn`, `model_fn` and `loss_fn`.
"""

import dataclasses
import enum
import functools
from typing import Any

from spec import loading, parameter_pb2, workload_pb2
from spec.metrics import metric_name
from spec.parameter_pb2 import Parameter

LossType = enum.IntEnum("LossType", dict(workload_pb2.LossType.items()))  # type: ignore[misc]
ParameterType = enum.IntEnum("ParameterType", dict(parameter_pb2.ParameterType.items()))  # type: ignore[misc]


class ForwardPassMode(enum.IntEnum):
    TRAIN = 0
    EVAL = 1


class TrainingCompleteError(Exception):
    """Raised by a submission's `update_params` to end training."""


@dataclasses.dataclass(frozen=True)
class ShapeTuple:
    """A leaf of `param_shapes`: opaque to tree functions, unlike a tuple."""

    shape_tuple: tuple[int, ...]


class WorkloadInterface:
    """Attributes of the official workload object that follow from the specification alone.

    Compared and hashed by identity, so that it can be a static argument of a compiled function.
    """

    param_shapes: Any
    model_params_types: Any
    metrics_logger: Any = (
        None  # has append_scalar_metrics(metrics, global_step); None where nothing listens
    )

    def __init__(self, message: workload_pb2.Workload, version: str):
        """`version` is the key of the rules to apply, for example `v0.6`; SpecError if the workload
        has none for it. The message is copied: a submission that changes it changes its own.
        """
        if not message.HasField("model") or not message.HasField("dataset"):
            raise loading.SpecError(
                f"workload {message.name} is known to scoring only: its file states no model or no dataset"
            )
        self.message = workload_pb2.Workload()
        self.message.CopyFrom(message)
        self.rules = loading.rules_of(self.message, version)

    @property
    def name(self) -> str:
        return self.message.name

    @property
    def target_metric_name(self) -> str:
        return metric_name(self.message.target_metric)

    @property
    def validation_target_value(self) -> float:
        return self.rules.validation_target

    @property
    def test_target_value(self) -> float | None:
        return self.rules.test_target if self.rules.HasField("test_target") else None

    @property
    def loss_type(self) -> LossType:
        return LossType(self.message.loss)

    @property
    def num_train_examples(self) -> int:
        return self.message.splits.train

    @property
    def num_eval_train_examples(self) -> int:
        return self.message.splits.eval_train

    @property
    def num_validation_examples(self) -> int:
        return self.message.splits.validation

    @property
    def num_test_examples(self) -> int | None:
        return self.message.splits.test if self.message.splits.HasField("test") else None

    @property
    def eval_batch_size(self) -> int:
        return self.message.eval_batch_size

    @property
    def max_allowed_runtime_sec(self) -> float:
        """Timed seconds under external tuning."""
        return self.rules.max_runtime_sec

    @property
    def eval_period_time_sec(self) -> float:
        return self.rules.eval_period_sec

    @property
    def step_hint(self) -> int:
        return self.rules.step_hint

    @functools.cached_property
    def parameters(self) -> list[Parameter]:
        """The model's parameters in the order of its definition, checked against the specification."""
        raise NotImplementedError

    def is_output_params(self, name: str) -> bool:
        """Whether a parameter, by canonical name, belongs to the model's last layer."""
        return any(p.output_layer for p in self.parameters if p.name == name)
