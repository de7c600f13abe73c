from google.protobuf import descriptor_pb2 as _descriptor_pb2
from spec import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Framework(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FRAMEWORK_UNSPECIFIED: _ClassVar[Framework]
    JAX: _ClassVar[Framework]
    PYTORCH: _ClassVar[Framework]
FRAMEWORK_UNSPECIFIED: Framework
JAX: Framework
PYTORCH: Framework
OPTIONAL_FUNCTION_FIELD_NUMBER: _ClassVar[int]
optional_function: _descriptor.FieldDescriptor
KEYWORD_CALL_FIELD_NUMBER: _ClassVar[int]
keyword_call: _descriptor.FieldDescriptor

class Opaque(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetBatchSizeRequest(_message.Message):
    __slots__ = ("workload_name",)
    WORKLOAD_NAME_FIELD_NUMBER: _ClassVar[int]
    workload_name: str
    def __init__(self, workload_name: _Optional[str] = ...) -> None: ...

class GetBatchSizeResponse(_message.Message):
    __slots__ = ("global_batch_size",)
    GLOBAL_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    global_batch_size: int
    def __init__(self, global_batch_size: _Optional[int] = ...) -> None: ...

class InitOptimizerStateRequest(_message.Message):
    __slots__ = ("workload", "model_params", "model_state", "hyperparameters", "rng")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    MODEL_PARAMS_FIELD_NUMBER: _ClassVar[int]
    MODEL_STATE_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    RNG_FIELD_NUMBER: _ClassVar[int]
    workload: Opaque
    model_params: Opaque
    model_state: Opaque
    hyperparameters: Opaque
    rng: Opaque
    def __init__(self, workload: _Optional[_Union[Opaque, _Mapping]] = ..., model_params: _Optional[_Union[Opaque, _Mapping]] = ..., model_state: _Optional[_Union[Opaque, _Mapping]] = ..., hyperparameters: _Optional[_Union[Opaque, _Mapping]] = ..., rng: _Optional[_Union[Opaque, _Mapping]] = ...) -> None: ...

class InitOptimizerStateResponse(_message.Message):
    __slots__ = ("optimizer_state",)
    OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    optimizer_state: Opaque
    def __init__(self, optimizer_state: _Optional[_Union[Opaque, _Mapping]] = ...) -> None: ...

class UpdateParamsRequest(_message.Message):
    __slots__ = ("workload", "current_param_container", "current_params_types", "model_state", "hyperparameters", "batch", "loss_type", "optimizer_state", "eval_results", "global_step", "rng", "train_state")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PARAM_CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PARAMS_TYPES_FIELD_NUMBER: _ClassVar[int]
    MODEL_STATE_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    LOSS_TYPE_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    EVAL_RESULTS_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    RNG_FIELD_NUMBER: _ClassVar[int]
    TRAIN_STATE_FIELD_NUMBER: _ClassVar[int]
    workload: Opaque
    current_param_container: Opaque
    current_params_types: Opaque
    model_state: Opaque
    hyperparameters: Opaque
    batch: Opaque
    loss_type: Opaque
    optimizer_state: Opaque
    eval_results: Opaque
    global_step: int
    rng: Opaque
    train_state: Opaque
    def __init__(self, workload: _Optional[_Union[Opaque, _Mapping]] = ..., current_param_container: _Optional[_Union[Opaque, _Mapping]] = ..., current_params_types: _Optional[_Union[Opaque, _Mapping]] = ..., model_state: _Optional[_Union[Opaque, _Mapping]] = ..., hyperparameters: _Optional[_Union[Opaque, _Mapping]] = ..., batch: _Optional[_Union[Opaque, _Mapping]] = ..., loss_type: _Optional[_Union[Opaque, _Mapping]] = ..., optimizer_state: _Optional[_Union[Opaque, _Mapping]] = ..., eval_results: _Optional[_Union[Opaque, _Mapping]] = ..., global_step: _Optional[int] = ..., rng: _Optional[_Union[Opaque, _Mapping]] = ..., train_state: _Optional[_Union[Opaque, _Mapping]] = ...) -> None: ...

class UpdateParamsResponse(_message.Message):
    __slots__ = ("optimizer_state", "current_param_container", "model_state")
    OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PARAM_CONTAINER_FIELD_NUMBER: _ClassVar[int]
    MODEL_STATE_FIELD_NUMBER: _ClassVar[int]
    optimizer_state: Opaque
    current_param_container: Opaque
    model_state: Opaque
    def __init__(self, optimizer_state: _Optional[_Union[Opaque, _Mapping]] = ..., current_param_container: _Optional[_Union[Opaque, _Mapping]] = ..., model_state: _Optional[_Union[Opaque, _Mapping]] = ...) -> None: ...

class PrepareForEvalRequest(_message.Message):
    __slots__ = ("workload", "current_param_container", "current_params_types", "model_state", "hyperparameters", "loss_type", "optimizer_state", "eval_results", "global_step", "rng")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PARAM_CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PARAMS_TYPES_FIELD_NUMBER: _ClassVar[int]
    MODEL_STATE_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LOSS_TYPE_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    EVAL_RESULTS_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    RNG_FIELD_NUMBER: _ClassVar[int]
    workload: Opaque
    current_param_container: Opaque
    current_params_types: Opaque
    model_state: Opaque
    hyperparameters: Opaque
    loss_type: Opaque
    optimizer_state: Opaque
    eval_results: Opaque
    global_step: int
    rng: Opaque
    def __init__(self, workload: _Optional[_Union[Opaque, _Mapping]] = ..., current_param_container: _Optional[_Union[Opaque, _Mapping]] = ..., current_params_types: _Optional[_Union[Opaque, _Mapping]] = ..., model_state: _Optional[_Union[Opaque, _Mapping]] = ..., hyperparameters: _Optional[_Union[Opaque, _Mapping]] = ..., loss_type: _Optional[_Union[Opaque, _Mapping]] = ..., optimizer_state: _Optional[_Union[Opaque, _Mapping]] = ..., eval_results: _Optional[_Union[Opaque, _Mapping]] = ..., global_step: _Optional[int] = ..., rng: _Optional[_Union[Opaque, _Mapping]] = ...) -> None: ...

class DataSelectionRequest(_message.Message):
    __slots__ = ("workload", "input_queue", "optimizer_state", "current_param_container", "model_state", "hyperparameters", "global_step", "rng")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    INPUT_QUEUE_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_STATE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PARAM_CONTAINER_FIELD_NUMBER: _ClassVar[int]
    MODEL_STATE_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    RNG_FIELD_NUMBER: _ClassVar[int]
    workload: Opaque
    input_queue: Opaque
    optimizer_state: Opaque
    current_param_container: Opaque
    model_state: Opaque
    hyperparameters: Opaque
    global_step: int
    rng: Opaque
    def __init__(self, workload: _Optional[_Union[Opaque, _Mapping]] = ..., input_queue: _Optional[_Union[Opaque, _Mapping]] = ..., optimizer_state: _Optional[_Union[Opaque, _Mapping]] = ..., current_param_container: _Optional[_Union[Opaque, _Mapping]] = ..., model_state: _Optional[_Union[Opaque, _Mapping]] = ..., hyperparameters: _Optional[_Union[Opaque, _Mapping]] = ..., global_step: _Optional[int] = ..., rng: _Optional[_Union[Opaque, _Mapping]] = ...) -> None: ...

class DataSelectionResponse(_message.Message):
    __slots__ = ("batch",)
    BATCH_FIELD_NUMBER: _ClassVar[int]
    batch: Opaque
    def __init__(self, batch: _Optional[_Union[Opaque, _Mapping]] = ...) -> None: ...

class SubmissionManifest(_message.Message):
    __slots__ = ("name", "title", "authors", "frameworks", "references", "search_space", "self_tuning", "dependencies", "waivers", "state")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    AUTHORS_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORKS_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    SEARCH_SPACE_FIELD_NUMBER: _ClassVar[int]
    SELF_TUNING_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    WAIVERS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: str
    authors: _containers.RepeatedScalarFieldContainer[str]
    frameworks: _containers.RepeatedScalarFieldContainer[Framework]
    references: _containers.RepeatedScalarFieldContainer[str]
    search_space: str
    self_tuning: bool
    dependencies: _containers.RepeatedScalarFieldContainer[str]
    waivers: _containers.RepeatedCompositeFieldContainer[Waiver]
    state: _containers.RepeatedCompositeFieldContainer[StatePart]
    def __init__(self, name: _Optional[str] = ..., title: _Optional[str] = ..., authors: _Optional[_Iterable[str]] = ..., frameworks: _Optional[_Iterable[_Union[Framework, str]]] = ..., references: _Optional[_Iterable[str]] = ..., search_space: _Optional[str] = ..., self_tuning: _Optional[bool] = ..., dependencies: _Optional[_Iterable[str]] = ..., waivers: _Optional[_Iterable[_Union[Waiver, _Mapping]]] = ..., state: _Optional[_Iterable[_Union[StatePart, _Mapping]]] = ...) -> None: ...

class StatePart(_message.Message):
    __slots__ = ("name", "jax", "pytorch", "shared", "pytorch_layout")
    NAME_FIELD_NUMBER: _ClassVar[int]
    JAX_FIELD_NUMBER: _ClassVar[int]
    PYTORCH_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    PYTORCH_LAYOUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    jax: str
    pytorch: str
    shared: bool
    pytorch_layout: bool
    def __init__(self, name: _Optional[str] = ..., jax: _Optional[str] = ..., pytorch: _Optional[str] = ..., shared: _Optional[bool] = ..., pytorch_layout: _Optional[bool] = ...) -> None: ...

class Waiver(_message.Message):
    __slots__ = ("rule", "reason")
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    rule: str
    reason: str
    def __init__(self, rule: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
