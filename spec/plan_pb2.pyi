from spec import options_pb2 as _options_pb2
from spec import ruleset_pb2 as _ruleset_pb2
from spec import submission_pb2 as _submission_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Plan(_message.Message):
    __slots__ = ("submission", "submission_sha256", "framework", "ruleset", "seed", "max_steps", "workloads", "points")
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_SHA256_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    RULESET_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    WORKLOADS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    submission: str
    submission_sha256: str
    framework: _submission_pb2.Framework
    ruleset: _ruleset_pb2.Ruleset
    seed: int
    max_steps: int
    workloads: _containers.RepeatedCompositeFieldContainer[PlannedWorkload]
    points: _containers.RepeatedCompositeFieldContainer[PlannedPoint]
    def __init__(self, submission: _Optional[str] = ..., submission_sha256: _Optional[str] = ..., framework: _Optional[_Union[_submission_pb2.Framework, str]] = ..., ruleset: _Optional[_Union[_ruleset_pb2.Ruleset, _Mapping]] = ..., seed: _Optional[int] = ..., max_steps: _Optional[int] = ..., workloads: _Optional[_Iterable[_Union[PlannedWorkload, _Mapping]]] = ..., points: _Optional[_Iterable[_Union[PlannedPoint, _Mapping]]] = ...) -> None: ...

class PlannedWorkload(_message.Message):
    __slots__ = ("name", "sha256", "budget_sec", "step_limit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    BUDGET_SEC_FIELD_NUMBER: _ClassVar[int]
    STEP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    budget_sec: float
    step_limit: int
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ..., budget_sec: _Optional[float] = ..., step_limit: _Optional[int] = ...) -> None: ...

class PlannedPoint(_message.Message):
    __slots__ = ("study", "trial", "seed", "hyperparameters")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    study: int
    trial: int
    seed: int
    hyperparameters: str
    def __init__(self, study: _Optional[int] = ..., trial: _Optional[int] = ..., seed: _Optional[int] = ..., hyperparameters: _Optional[str] = ...) -> None: ...
