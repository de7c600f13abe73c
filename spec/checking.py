"""Check a message against the rules that its .proto states beside the fields (spec/options.proto)."""

import math
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from spec import options_pb2


def violations(message: Message, path: str = "") -> Iterator[str]:
    """Yields one line per broken rule: the field's path, its value and what was expected."""
    for field in message.DESCRIPTOR.fields:
        name = f"{path}{field.name}"
        options = field.GetOptions()
        values = list(_values(message, field))
        if options.Extensions[options_pb2.required] and not values:
            yield f"{name} is missing"
        for key, value in values:
            if isinstance(value, Message):
                yield from violations(value, f"{name}{key}.")
            elif isinstance(value, float) and not math.isfinite(value):
                yield f"{name}{key} is {value}, expected a finite number"
            elif options.HasExtension(options_pb2.range):
                yield from _out_of_range(
                    f"{name}{key}", value, options.Extensions[options_pb2.range]
                )
        if options.HasExtension(options_pb2.divides):
            yield from _no_divisor(
                message, field.name, options.Extensions[options_pb2.divides], path
            )


def _values(message: Message, field: FieldDescriptor) -> Iterator[tuple[str, Any]]:
    """Yields (key, value) of every value the field holds; the key is empty for a singular field."""
    value = getattr(message, field.name)
    if field.is_repeated:
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        for key in sorted(value) if is_map else range(len(value)):
            yield f"[{key!r}]", value[key]
    elif field.has_presence:
        if message.HasField(field.name):
            yield "", value
    elif value != field.default_value:
        yield "", value


def _out_of_range(name: str, value: float, interval: options_pb2.Range) -> Iterator[str]:
    low = interval.min if interval.HasField("min") else -math.inf
    high = interval.max if interval.HasField("max") else math.inf
    if not low <= value <= high:
        yield f"{name} is {value}, expected a number from {low:g} to {high:g}"


def _no_divisor(message: Message, name: str, other: str, path: str) -> Iterator[str]:
    part, whole = getattr(message, name), getattr(message, other)
    if part and whole % part:
        yield f"{path}{name} is {part}, expected a divisor of {other}, which is {whole}"
