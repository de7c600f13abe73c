from spec import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Level(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEVEL_UNSPECIFIED: _ClassVar[Level]
    PARAMETERS: _ClassVar[Level]
    DATA: _ClassVar[Level]
    FORWARD: _ClassVar[Level]
    GRADIENT: _ClassVar[Level]
    STATE: _ClassVar[Level]
    METRICS: _ClassVar[Level]
    TRAJECTORY: _ClassVar[Level]
    OFFICIAL: _ClassVar[Level]

class Measure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEASURE_UNSPECIFIED: _ClassVar[Measure]
    IDENTICAL: _ClassVar[Measure]
    RELATIVE_L2: _ClassVar[Measure]
    RELATIVE_MAX: _ClassVar[Measure]
    SUMMARY: _ClassVar[Measure]

class Scale(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TINY: _ClassVar[Scale]
    FULL: _ClassVar[Scale]
LEVEL_UNSPECIFIED: Level
PARAMETERS: Level
DATA: Level
FORWARD: Level
GRADIENT: Level
STATE: Level
METRICS: Level
TRAJECTORY: Level
OFFICIAL: Level
MEASURE_UNSPECIFIED: Measure
IDENTICAL: Measure
RELATIVE_L2: Measure
RELATIVE_MAX: Measure
SUMMARY: Measure
TINY: Scale
FULL: Scale

class Bound(_message.Message):
    __slots__ = ("level", "quantity", "measure", "bound", "floor", "growth_per_step", "reason", "rounding")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    GROWTH_PER_STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ROUNDING_FIELD_NUMBER: _ClassVar[int]
    level: Level
    quantity: str
    measure: Measure
    bound: float
    floor: float
    growth_per_step: float
    reason: str
    rounding: float
    def __init__(self, level: _Optional[_Union[Level, str]] = ..., quantity: _Optional[str] = ..., measure: _Optional[_Union[Measure, str]] = ..., bound: _Optional[float] = ..., floor: _Optional[float] = ..., growth_per_step: _Optional[float] = ..., reason: _Optional[str] = ..., rounding: _Optional[float] = ...) -> None: ...

class Case(_message.Message):
    __slots__ = ("workload", "seed", "batch_size", "num_batches", "dropout_rate", "label_smoothing", "submission", "trial", "num_steps", "bounds", "known_failures", "scale", "levels")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUM_BATCHES_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_RATE_FIELD_NUMBER: _ClassVar[int]
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    NUM_STEPS_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FAILURES_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    workload: str
    seed: int
    batch_size: int
    num_batches: int
    dropout_rate: float
    label_smoothing: float
    submission: str
    trial: int
    num_steps: int
    bounds: _containers.RepeatedCompositeFieldContainer[Bound]
    known_failures: _containers.RepeatedCompositeFieldContainer[KnownFailure]
    scale: Scale
    levels: _containers.RepeatedScalarFieldContainer[Level]
    def __init__(self, workload: _Optional[str] = ..., seed: _Optional[int] = ..., batch_size: _Optional[int] = ..., num_batches: _Optional[int] = ..., dropout_rate: _Optional[float] = ..., label_smoothing: _Optional[float] = ..., submission: _Optional[str] = ..., trial: _Optional[int] = ..., num_steps: _Optional[int] = ..., bounds: _Optional[_Iterable[_Union[Bound, _Mapping]]] = ..., known_failures: _Optional[_Iterable[_Union[KnownFailure, _Mapping]]] = ..., scale: _Optional[_Union[Scale, str]] = ..., levels: _Optional[_Iterable[_Union[Level, str]]] = ...) -> None: ...

class GoldenBounds(_message.Message):
    __slots__ = ("bounds",)
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    bounds: _containers.RepeatedCompositeFieldContainer[Bound]
    def __init__(self, bounds: _Optional[_Iterable[_Union[Bound, _Mapping]]] = ...) -> None: ...

class KnownFailure(_message.Message):
    __slots__ = ("level", "quantity", "message")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    level: Level
    quantity: str
    message: str
    def __init__(self, level: _Optional[_Union[Level, str]] = ..., quantity: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Measurement(_message.Message):
    __slots__ = ("level", "quantity", "error", "bound", "passed", "detail", "known_failure", "step_errors")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FAILURE_FIELD_NUMBER: _ClassVar[int]
    STEP_ERRORS_FIELD_NUMBER: _ClassVar[int]
    level: Level
    quantity: str
    error: float
    bound: float
    passed: bool
    detail: str
    known_failure: bool
    step_errors: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, level: _Optional[_Union[Level, str]] = ..., quantity: _Optional[str] = ..., error: _Optional[float] = ..., bound: _Optional[float] = ..., passed: _Optional[bool] = ..., detail: _Optional[str] = ..., known_failure: _Optional[bool] = ..., step_errors: _Optional[_Iterable[float]] = ...) -> None: ...

class WorkloadReport(_message.Message):
    __slots__ = ("workload", "backends", "measurements", "not_run", "wall_sec")
    class NotRunEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    NOT_RUN_FIELD_NUMBER: _ClassVar[int]
    WALL_SEC_FIELD_NUMBER: _ClassVar[int]
    workload: str
    backends: _containers.RepeatedScalarFieldContainer[str]
    measurements: _containers.RepeatedCompositeFieldContainer[Measurement]
    not_run: _containers.ScalarMap[str, str]
    wall_sec: float
    def __init__(self, workload: _Optional[str] = ..., backends: _Optional[_Iterable[str]] = ..., measurements: _Optional[_Iterable[_Union[Measurement, _Mapping]]] = ..., not_run: _Optional[_Mapping[str, str]] = ..., wall_sec: _Optional[float] = ...) -> None: ...

class ConformanceReport(_message.Message):
    __slots__ = ("workloads", "not_covered")
    WORKLOADS_FIELD_NUMBER: _ClassVar[int]
    NOT_COVERED_FIELD_NUMBER: _ClassVar[int]
    workloads: _containers.RepeatedCompositeFieldContainer[WorkloadReport]
    not_covered: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, workloads: _Optional[_Iterable[_Union[WorkloadReport, _Mapping]]] = ..., not_covered: _Optional[_Iterable[str]] = ...) -> None: ...
