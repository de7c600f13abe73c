from spec import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ParameterType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEIGHT: _ClassVar[ParameterType]
    BIAS: _ClassVar[ParameterType]
    CONV_WEIGHT: _ClassVar[ParameterType]
    BATCH_NORM_SCALE: _ClassVar[ParameterType]
    BATCH_NORM_BIAS: _ClassVar[ParameterType]
    LAYER_NORM_SCALE: _ClassVar[ParameterType]
    LAYER_NORM_BIAS: _ClassVar[ParameterType]
    EMBEDDING: _ClassVar[ParameterType]
    ATTENTION_Q: _ClassVar[ParameterType]
    ATTENTION_K: _ClassVar[ParameterType]
    ATTENTION_V: _ClassVar[ParameterType]
    ATTENTION_OUT: _ClassVar[ParameterType]
    ATTENTION_QKV: _ClassVar[ParameterType]
    ATTENTION_KV: _ClassVar[ParameterType]
    ATTENTION_BIAS: _ClassVar[ParameterType]

class Layout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AS_IS: _ClassVar[Layout]
    MATRIX: _ClassVar[Layout]
    CONV: _ClassVar[Layout]
    CONV_TRANSPOSE: _ClassVar[Layout]
    FLAT: _ClassVar[Layout]
WEIGHT: ParameterType
BIAS: ParameterType
CONV_WEIGHT: ParameterType
BATCH_NORM_SCALE: ParameterType
BATCH_NORM_BIAS: ParameterType
LAYER_NORM_SCALE: ParameterType
LAYER_NORM_BIAS: ParameterType
EMBEDDING: ParameterType
ATTENTION_Q: ParameterType
ATTENTION_K: ParameterType
ATTENTION_V: ParameterType
ATTENTION_OUT: ParameterType
ATTENTION_QKV: ParameterType
ATTENTION_KV: ParameterType
ATTENTION_BIAS: ParameterType
AS_IS: Layout
MATRIX: Layout
CONV: Layout
CONV_TRANSPOSE: Layout
FLAT: Layout

class Initializer(_message.Message):
    __slots__ = ("constant", "normal", "truncated_normal", "uniform", "variance_scaling", "orthogonal")
    class Constant(_message.Message):
        __slots__ = ("value",)
        VALUE_FIELD_NUMBER: _ClassVar[int]
        value: float
        def __init__(self, value: _Optional[float] = ...) -> None: ...
    class Normal(_message.Message):
        __slots__ = ("stddev",)
        STDDEV_FIELD_NUMBER: _ClassVar[int]
        stddev: float
        def __init__(self, stddev: _Optional[float] = ...) -> None: ...
    class TruncatedNormal(_message.Message):
        __slots__ = ("stddev",)
        STDDEV_FIELD_NUMBER: _ClassVar[int]
        stddev: float
        def __init__(self, stddev: _Optional[float] = ...) -> None: ...
    class Uniform(_message.Message):
        __slots__ = ("low", "high")
        LOW_FIELD_NUMBER: _ClassVar[int]
        HIGH_FIELD_NUMBER: _ClassVar[int]
        low: float
        high: float
        def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...
    class VarianceScaling(_message.Message):
        __slots__ = ("scale", "mode", "distribution")
        class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            FAN_IN: _ClassVar[Initializer.VarianceScaling.Mode]
            FAN_OUT: _ClassVar[Initializer.VarianceScaling.Mode]
            FAN_AVERAGE: _ClassVar[Initializer.VarianceScaling.Mode]
        FAN_IN: Initializer.VarianceScaling.Mode
        FAN_OUT: Initializer.VarianceScaling.Mode
        FAN_AVERAGE: Initializer.VarianceScaling.Mode
        class Distribution(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            TRUNCATED_NORMAL: _ClassVar[Initializer.VarianceScaling.Distribution]
            NORMAL: _ClassVar[Initializer.VarianceScaling.Distribution]
            UNIFORM: _ClassVar[Initializer.VarianceScaling.Distribution]
        TRUNCATED_NORMAL: Initializer.VarianceScaling.Distribution
        NORMAL: Initializer.VarianceScaling.Distribution
        UNIFORM: Initializer.VarianceScaling.Distribution
        SCALE_FIELD_NUMBER: _ClassVar[int]
        MODE_FIELD_NUMBER: _ClassVar[int]
        DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
        scale: float
        mode: Initializer.VarianceScaling.Mode
        distribution: Initializer.VarianceScaling.Distribution
        def __init__(self, scale: _Optional[float] = ..., mode: _Optional[_Union[Initializer.VarianceScaling.Mode, str]] = ..., distribution: _Optional[_Union[Initializer.VarianceScaling.Distribution, str]] = ...) -> None: ...
    class Orthogonal(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    NORMAL_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_NORMAL_FIELD_NUMBER: _ClassVar[int]
    UNIFORM_FIELD_NUMBER: _ClassVar[int]
    VARIANCE_SCALING_FIELD_NUMBER: _ClassVar[int]
    ORTHOGONAL_FIELD_NUMBER: _ClassVar[int]
    constant: Initializer.Constant
    normal: Initializer.Normal
    truncated_normal: Initializer.TruncatedNormal
    uniform: Initializer.Uniform
    variance_scaling: Initializer.VarianceScaling
    orthogonal: Initializer.Orthogonal
    def __init__(self, constant: _Optional[_Union[Initializer.Constant, _Mapping]] = ..., normal: _Optional[_Union[Initializer.Normal, _Mapping]] = ..., truncated_normal: _Optional[_Union[Initializer.TruncatedNormal, _Mapping]] = ..., uniform: _Optional[_Union[Initializer.Uniform, _Mapping]] = ..., variance_scaling: _Optional[_Union[Initializer.VarianceScaling, _Mapping]] = ..., orthogonal: _Optional[_Union[Initializer.Orthogonal, _Mapping]] = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("name", "shape", "type", "layout", "fan_in", "fan_out", "initializer", "output_layer", "tied_to")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    FAN_IN_FIELD_NUMBER: _ClassVar[int]
    FAN_OUT_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_LAYER_FIELD_NUMBER: _ClassVar[int]
    TIED_TO_FIELD_NUMBER: _ClassVar[int]
    name: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    type: ParameterType
    layout: Layout
    fan_in: int
    fan_out: int
    initializer: Initializer
    output_layer: bool
    tied_to: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., type: _Optional[_Union[ParameterType, str]] = ..., layout: _Optional[_Union[Layout, str]] = ..., fan_in: _Optional[int] = ..., fan_out: _Optional[int] = ..., initializer: _Optional[_Union[Initializer, _Mapping]] = ..., output_layer: _Optional[bool] = ..., tied_to: _Optional[_Iterable[str]] = ...) -> None: ...

class ParameterManifest(_message.Message):
    __slots__ = ("workload", "parameters")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    workload: str
    parameters: _containers.RepeatedCompositeFieldContainer[Parameter]
    def __init__(self, workload: _Optional[str] = ..., parameters: _Optional[_Iterable[_Union[Parameter, _Mapping]]] = ...) -> None: ...
