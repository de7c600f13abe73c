from spec import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Hardware(_message.Message):
    __slots__ = ("name", "title", "accelerator", "num_accelerators", "memory_bytes", "step_time_ratio", "memory_ratio")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ACCELERATOR_FIELD_NUMBER: _ClassVar[int]
    NUM_ACCELERATORS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    STEP_TIME_RATIO_FIELD_NUMBER: _ClassVar[int]
    MEMORY_RATIO_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: str
    accelerator: str
    num_accelerators: int
    memory_bytes: int
    step_time_ratio: _options_pb2.Range
    memory_ratio: _options_pb2.Range
    def __init__(self, name: _Optional[str] = ..., title: _Optional[str] = ..., accelerator: _Optional[str] = ..., num_accelerators: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., step_time_ratio: _Optional[_Union[_options_pb2.Range, _Mapping]] = ..., memory_ratio: _Optional[_Union[_options_pb2.Range, _Mapping]] = ...) -> None: ...

class Seconds(_message.Message):
    __slots__ = ("low", "median", "high", "count")
    LOW_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    low: float
    median: float
    high: float
    count: int
    def __init__(self, low: _Optional[float] = ..., median: _Optional[float] = ..., high: _Optional[float] = ..., count: _Optional[int] = ...) -> None: ...

class BackendSpeed(_message.Message):
    __slots__ = ("backend", "forward", "forward_backward", "step", "evaluation", "first_calls_sec", "peak_memory_bytes", "flops_per_sec", "matmul_flops_per_sec")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    FORWARD_FIELD_NUMBER: _ClassVar[int]
    FORWARD_BACKWARD_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    FIRST_CALLS_SEC_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    FLOPS_PER_SEC_FIELD_NUMBER: _ClassVar[int]
    MATMUL_FLOPS_PER_SEC_FIELD_NUMBER: _ClassVar[int]
    backend: str
    forward: Seconds
    forward_backward: Seconds
    step: Seconds
    evaluation: Seconds
    first_calls_sec: float
    peak_memory_bytes: int
    flops_per_sec: float
    matmul_flops_per_sec: float
    def __init__(self, backend: _Optional[str] = ..., forward: _Optional[_Union[Seconds, _Mapping]] = ..., forward_backward: _Optional[_Union[Seconds, _Mapping]] = ..., step: _Optional[_Union[Seconds, _Mapping]] = ..., evaluation: _Optional[_Union[Seconds, _Mapping]] = ..., first_calls_sec: _Optional[float] = ..., peak_memory_bytes: _Optional[int] = ..., flops_per_sec: _Optional[float] = ..., matmul_flops_per_sec: _Optional[float] = ...) -> None: ...

class WorkloadSpeed(_message.Message):
    __slots__ = ("workload", "batch_size", "submission_batch_size", "flops", "backends", "input_batches_per_sec", "failures")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    FLOPS_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    INPUT_BATCHES_PER_SEC_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    workload: str
    batch_size: int
    submission_batch_size: int
    flops: float
    backends: _containers.RepeatedCompositeFieldContainer[BackendSpeed]
    input_batches_per_sec: float
    failures: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, workload: _Optional[str] = ..., batch_size: _Optional[int] = ..., submission_batch_size: _Optional[int] = ..., flops: _Optional[float] = ..., backends: _Optional[_Iterable[_Union[BackendSpeed, _Mapping]]] = ..., input_batches_per_sec: _Optional[float] = ..., failures: _Optional[_Iterable[str]] = ...) -> None: ...

class HardwareReport(_message.Message):
    __slots__ = ("hardware", "date", "machine", "clocks", "num_cpus", "load", "versions", "workloads")
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    HARDWARE_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    CLOCKS_FIELD_NUMBER: _ClassVar[int]
    NUM_CPUS_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    WORKLOADS_FIELD_NUMBER: _ClassVar[int]
    hardware: str
    date: str
    machine: str
    clocks: str
    num_cpus: int
    load: float
    versions: _containers.ScalarMap[str, str]
    workloads: _containers.RepeatedCompositeFieldContainer[WorkloadSpeed]
    def __init__(self, hardware: _Optional[str] = ..., date: _Optional[str] = ..., machine: _Optional[str] = ..., clocks: _Optional[str] = ..., num_cpus: _Optional[int] = ..., load: _Optional[float] = ..., versions: _Optional[_Mapping[str, str]] = ..., workloads: _Optional[_Iterable[_Union[WorkloadSpeed, _Mapping]]] = ...) -> None: ...
