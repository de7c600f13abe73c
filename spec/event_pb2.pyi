from google.protobuf import struct_pb2 as _struct_pb2
from spec import ruleset_pb2 as _ruleset_pb2
from spec import submission_pb2 as _submission_pb2
from spec import timing_pb2 as _timing_pb2
from spec import workload_pb2 as _workload_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("sequence", "unix_time_sec", "clock", "trial_started", "scalar_metrics", "evaluation", "trial_resumed", "checkpoint_saved", "trial_ended", "remark", "noise_check")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    UNIX_TIME_SEC_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    TRIAL_STARTED_FIELD_NUMBER: _ClassVar[int]
    SCALAR_METRICS_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    TRIAL_RESUMED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_SAVED_FIELD_NUMBER: _ClassVar[int]
    TRIAL_ENDED_FIELD_NUMBER: _ClassVar[int]
    REMARK_FIELD_NUMBER: _ClassVar[int]
    NOISE_CHECK_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    unix_time_sec: float
    clock: ClockReading
    trial_started: TrialStarted
    scalar_metrics: ScalarMetrics
    evaluation: Evaluation
    trial_resumed: TrialResumed
    checkpoint_saved: CheckpointSaved
    trial_ended: TrialEnded
    remark: Remark
    noise_check: NoiseCheck
    def __init__(self, sequence: _Optional[int] = ..., unix_time_sec: _Optional[float] = ..., clock: _Optional[_Union[ClockReading, _Mapping]] = ..., trial_started: _Optional[_Union[TrialStarted, _Mapping]] = ..., scalar_metrics: _Optional[_Union[ScalarMetrics, _Mapping]] = ..., evaluation: _Optional[_Union[Evaluation, _Mapping]] = ..., trial_resumed: _Optional[_Union[TrialResumed, _Mapping]] = ..., checkpoint_saved: _Optional[_Union[CheckpointSaved, _Mapping]] = ..., trial_ended: _Optional[_Union[TrialEnded, _Mapping]] = ..., remark: _Optional[_Union[Remark, _Mapping]] = ..., noise_check: _Optional[_Union[NoiseCheck, _Mapping]] = ...) -> None: ...

class ClockReading(_message.Message):
    __slots__ = ("step", "timed_sec", "evaluation_sec", "record_sec", "set_up_sec", "total_sec")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TIMED_SEC_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_SEC_FIELD_NUMBER: _ClassVar[int]
    RECORD_SEC_FIELD_NUMBER: _ClassVar[int]
    SET_UP_SEC_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SEC_FIELD_NUMBER: _ClassVar[int]
    step: int
    timed_sec: float
    evaluation_sec: float
    record_sec: float
    set_up_sec: float
    total_sec: float
    def __init__(self, step: _Optional[int] = ..., timed_sec: _Optional[float] = ..., evaluation_sec: _Optional[float] = ..., record_sec: _Optional[float] = ..., set_up_sec: _Optional[float] = ..., total_sec: _Optional[float] = ...) -> None: ...

class TrialStarted(_message.Message):
    __slots__ = ("workload", "ruleset", "submission", "submission_sha256", "framework", "seed", "study", "trial", "hyperparameters", "global_batch_size", "num_devices", "budget_sec", "step_limit", "num_parameters", "provenance", "data_sha256", "converted")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    RULESET_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_SHA256_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STUDY_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUM_DEVICES_FIELD_NUMBER: _ClassVar[int]
    BUDGET_SEC_FIELD_NUMBER: _ClassVar[int]
    STEP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    NUM_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    DATA_SHA256_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_FIELD_NUMBER: _ClassVar[int]
    workload: _workload_pb2.Workload
    ruleset: _ruleset_pb2.Ruleset
    submission: _submission_pb2.SubmissionManifest
    submission_sha256: str
    framework: _submission_pb2.Framework
    seed: int
    study: int
    trial: int
    hyperparameters: _struct_pb2.Struct
    global_batch_size: int
    num_devices: int
    budget_sec: float
    step_limit: int
    num_parameters: int
    provenance: Provenance
    data_sha256: str
    converted: Conversion
    def __init__(self, workload: _Optional[_Union[_workload_pb2.Workload, _Mapping]] = ..., ruleset: _Optional[_Union[_ruleset_pb2.Ruleset, _Mapping]] = ..., submission: _Optional[_Union[_submission_pb2.SubmissionManifest, _Mapping]] = ..., submission_sha256: _Optional[str] = ..., framework: _Optional[_Union[_submission_pb2.Framework, str]] = ..., seed: _Optional[int] = ..., study: _Optional[int] = ..., trial: _Optional[int] = ..., hyperparameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., global_batch_size: _Optional[int] = ..., num_devices: _Optional[int] = ..., budget_sec: _Optional[float] = ..., step_limit: _Optional[int] = ..., num_parameters: _Optional[int] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ..., data_sha256: _Optional[str] = ..., converted: _Optional[_Union[Conversion, _Mapping]] = ...) -> None: ...

class Conversion(_message.Message):
    __slots__ = ("framework", "run", "step", "arrays_sha256", "new_optimizer_state", "before")
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    ARRAYS_SHA256_FIELD_NUMBER: _ClassVar[int]
    NEW_OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    framework: _submission_pb2.Framework
    run: str
    step: int
    arrays_sha256: str
    new_optimizer_state: bool
    before: Conversion
    def __init__(self, framework: _Optional[_Union[_submission_pb2.Framework, str]] = ..., run: _Optional[str] = ..., step: _Optional[int] = ..., arrays_sha256: _Optional[str] = ..., new_optimizer_state: _Optional[bool] = ..., before: _Optional[_Union[Conversion, _Mapping]] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("command", "commit", "modified", "host_os", "python", "cpu", "num_cpus", "memory_bytes", "accelerators", "packages", "environment", "devices", "cpu_governor", "container")
    class PackagesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_FIELD_NUMBER: _ClassVar[int]
    HOST_OS_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    NUM_CPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACCELERATORS_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    CPU_GOVERNOR_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    command: str
    commit: str
    modified: bool
    host_os: str
    python: str
    cpu: str
    num_cpus: int
    memory_bytes: int
    accelerators: _containers.RepeatedScalarFieldContainer[str]
    packages: _containers.ScalarMap[str, str]
    environment: _containers.ScalarMap[str, str]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    cpu_governor: str
    container: str
    def __init__(self, command: _Optional[str] = ..., commit: _Optional[str] = ..., modified: _Optional[bool] = ..., host_os: _Optional[str] = ..., python: _Optional[str] = ..., cpu: _Optional[str] = ..., num_cpus: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., accelerators: _Optional[_Iterable[str]] = ..., packages: _Optional[_Mapping[str, str]] = ..., environment: _Optional[_Mapping[str, str]] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., cpu_governor: _Optional[str] = ..., container: _Optional[str] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("name", "driver", "memory", "max_clock", "max_memory_clock", "power_limit", "persistence_mode", "ecc_mode", "mig_mode")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    MAX_CLOCK_FIELD_NUMBER: _ClassVar[int]
    MAX_MEMORY_CLOCK_FIELD_NUMBER: _ClassVar[int]
    POWER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    PERSISTENCE_MODE_FIELD_NUMBER: _ClassVar[int]
    ECC_MODE_FIELD_NUMBER: _ClassVar[int]
    MIG_MODE_FIELD_NUMBER: _ClassVar[int]
    name: str
    driver: str
    memory: str
    max_clock: str
    max_memory_clock: str
    power_limit: str
    persistence_mode: str
    ecc_mode: str
    mig_mode: str
    def __init__(self, name: _Optional[str] = ..., driver: _Optional[str] = ..., memory: _Optional[str] = ..., max_clock: _Optional[str] = ..., max_memory_clock: _Optional[str] = ..., power_limit: _Optional[str] = ..., persistence_mode: _Optional[str] = ..., ecc_mode: _Optional[str] = ..., mig_mode: _Optional[str] = ...) -> None: ...

class ScalarMetrics(_message.Message):
    __slots__ = ("global_step", "metrics")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    global_step: int
    metrics: _containers.ScalarMap[str, float]
    def __init__(self, global_step: _Optional[int] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("global_step", "metrics", "validation_target_met", "test_target_met")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_TARGET_MET_FIELD_NUMBER: _ClassVar[int]
    TEST_TARGET_MET_FIELD_NUMBER: _ClassVar[int]
    global_step: int
    metrics: _containers.ScalarMap[str, float]
    validation_target_met: bool
    test_target_met: bool
    def __init__(self, global_step: _Optional[int] = ..., metrics: _Optional[_Mapping[str, float]] = ..., validation_target_met: _Optional[bool] = ..., test_target_met: _Optional[bool] = ...) -> None: ...

class TrialResumed(_message.Message):
    __slots__ = ("global_step", "preemption_count", "lost_timed_sec", "lost_steps", "first_lost_event")
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    PREEMPTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOST_TIMED_SEC_FIELD_NUMBER: _ClassVar[int]
    LOST_STEPS_FIELD_NUMBER: _ClassVar[int]
    FIRST_LOST_EVENT_FIELD_NUMBER: _ClassVar[int]
    global_step: int
    preemption_count: int
    lost_timed_sec: float
    lost_steps: int
    first_lost_event: int
    def __init__(self, global_step: _Optional[int] = ..., preemption_count: _Optional[int] = ..., lost_timed_sec: _Optional[float] = ..., lost_steps: _Optional[int] = ..., first_lost_event: _Optional[int] = ...) -> None: ...

class CheckpointSaved(_message.Message):
    __slots__ = ("global_step", "path", "bytes")
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    global_step: int
    path: str
    bytes: int
    def __init__(self, global_step: _Optional[int] = ..., path: _Optional[str] = ..., bytes: _Optional[int] = ...) -> None: ...

class TrialEnded(_message.Message):
    __slots__ = ("outcome", "message", "traceback", "time_to_target_sec", "global_step")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_TARGET_SEC_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    outcome: _timing_pb2.Outcome
    message: str
    traceback: str
    time_to_target_sec: float
    global_step: int
    def __init__(self, outcome: _Optional[_Union[_timing_pb2.Outcome, str]] = ..., message: _Optional[str] = ..., traceback: _Optional[str] = ..., time_to_target_sec: _Optional[float] = ..., global_step: _Optional[int] = ...) -> None: ...

class Remark(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: str
    def __init__(self, message: _Optional[str] = ...) -> None: ...

class NoiseCheck(_message.Message):
    __slots__ = ("seconds", "spread")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    seconds: _containers.RepeatedScalarFieldContainer[float]
    spread: float
    def __init__(self, seconds: _Optional[_Iterable[float]] = ..., spread: _Optional[float] = ...) -> None: ...
