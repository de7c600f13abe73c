"""`algoperf.spec`: the types and enumerations of the interface."""

from typing import Any

from spec.interface import (
    ForwardPassMode,
    LossType,
    ParameterType,
    ShapeTuple,
    TrainingCompleteError,
)
from spec.interface import WorkloadInterface as Workload

# Annotations. They say what a value is for, and nothing is checked against them.
Tensor = Any
RandomState = Any
ParameterContainer = Any
ParameterShapeTree = Any
ParameterTypeTree = Any
ModelAuxiliaryState = Any
OptimizerState = Any
Hyperparameters = Any
UpdateReturn = tuple[OptimizerState, ParameterContainer, ModelAuxiliaryState]

__all__ = [
    "ForwardPassMode",
    "Hyperparameters",
    "LossType",
    "ModelAuxiliaryState",
    "OptimizerState",
    "ParameterContainer",
    "ParameterShapeTree",
    "ParameterType",
    "ParameterTypeTree",
    "RandomState",
    "ShapeTuple",
    "Tensor",
    "TrainingCompleteError",
    "UpdateReturn",
    "Workload",
]


def __getattr__(name: str) -> Any:
    raise AttributeError(f"algoperf.spec.{name} is not provided: see docs/published_submissions.md")
