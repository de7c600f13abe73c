"""A copy of a trial's scalars for TensorBoard, which reads files of its own kind.

Such a file is a row of records: length (uint64, little-endian), checksum of these 8 bytes, data,
checksum of the data. A checksum is CRC-32C (Castagnoli; RFC 3720, appendix B.4), rotated right by 15
bits, plus a constant, as TensorFlow's record format has it.
"""

import contextlib
import os
import struct
import time
from pathlib import Path

from spec.event_pb2 import Event
from spec.tensorboard_pb2 import MirroredEvent, MirroredSummary

FOLDER = "tensorboard"
_POLYNOMIAL = 0x82F63B78  # of CRC-32C, reversed
_MASK_DELTA = 0xA282EAD8


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_table_entry(byte) for byte in range(256)]


def crc32c(data: bytes) -> int:
    """CRC-32C of the data."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """The data as a record of the file."""
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return struct.pack("<I", (rotated + _MASK_DELTA) & 0xFFFFFFFF)


class Mirror:
    """Writes the scalars of events as they come, each under its name and a prefix.

    What cannot be written is left out: the event log is what counts.
    """

    def __init__(self, folder: Path, prefix: str = ""):
        """Begins a file of its own in the folder."""
        self._path = folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}.tandem"
        self._prefix = prefix
        self._write(MirroredEvent(wall_time=time.time(), file_version="brain.Event:2"))

    def show(self, event: Event) -> None:
        """Takes over an event, if it has scalars."""
        if event.HasField("evaluation"):
            step, metrics = event.evaluation.global_step, dict(event.evaluation.metrics)
            metrics["timed_sec"] = event.clock.timed_sec
        elif event.HasField("scalar_metrics"):
            step, metrics = event.scalar_metrics.global_step, dict(event.scalar_metrics.metrics)
        else:
            return
        values = [
            MirroredSummary.Value(tag=self._prefix + name, simple_value=value)
            for name, value in sorted(metrics.items())
        ]
        summary = MirroredSummary(value=values)
        self._write(MirroredEvent(wall_time=event.unix_time_sec, step=step, summary=summary))

    def _write(self, message: MirroredEvent) -> None:
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(record(message.SerializeToString()))
