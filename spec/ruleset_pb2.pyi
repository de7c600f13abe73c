from spec import options_pb2 as _options_pb2
from spec import timing_pb2 as _timing_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Ruleset(_message.Message):
    __slots__ = ("version", "tuning", "num_studies", "trials_per_study", "budget_factor", "step_limit_factor", "timing", "base_workloads", "held_out", "max_ratio")
    class Tuning(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        EXTERNAL: _ClassVar[Ruleset.Tuning]
        SELF: _ClassVar[Ruleset.Tuning]
    EXTERNAL: Ruleset.Tuning
    SELF: Ruleset.Tuning
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TUNING_FIELD_NUMBER: _ClassVar[int]
    NUM_STUDIES_FIELD_NUMBER: _ClassVar[int]
    TRIALS_PER_STUDY_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FACTOR_FIELD_NUMBER: _ClassVar[int]
    STEP_LIMIT_FACTOR_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    BASE_WORKLOADS_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_FIELD_NUMBER: _ClassVar[int]
    MAX_RATIO_FIELD_NUMBER: _ClassVar[int]
    version: str
    tuning: Ruleset.Tuning
    num_studies: int
    trials_per_study: int
    budget_factor: float
    step_limit_factor: float
    timing: _timing_pb2.TimingProtocol
    base_workloads: _containers.RepeatedScalarFieldContainer[str]
    held_out: _containers.RepeatedCompositeFieldContainer[HeldOut]
    max_ratio: float
    def __init__(self, version: _Optional[str] = ..., tuning: _Optional[_Union[Ruleset.Tuning, str]] = ..., num_studies: _Optional[int] = ..., trials_per_study: _Optional[int] = ..., budget_factor: _Optional[float] = ..., step_limit_factor: _Optional[float] = ..., timing: _Optional[_Union[_timing_pb2.TimingProtocol, _Mapping]] = ..., base_workloads: _Optional[_Iterable[str]] = ..., held_out: _Optional[_Iterable[_Union[HeldOut, _Mapping]]] = ..., max_ratio: _Optional[float] = ...) -> None: ...

class HeldOut(_message.Message):
    __slots__ = ("workload", "base")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    workload: str
    base: str
    def __init__(self, workload: _Optional[str] = ..., base: _Optional[str] = ...) -> None: ...
