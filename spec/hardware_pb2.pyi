from spec import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
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
