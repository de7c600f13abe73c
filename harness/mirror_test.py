import struct
from pathlib import Path

import pytest

from harness import mirror
from harness.mirror import Mirror
from spec.event_pb2 import ClockReading, Evaluation, Event, Remark, ScalarMetrics
from spec.tensorboard_pb2 import MirroredEvent


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),  # RFC 3720, appendix B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_crc32c(data: bytes, crc: int) -> None:
    assert mirror.crc32c(data) == crc


def test_a_record_by_hand() -> None:
    # CRC-32C of eight zero bytes is 0x8C28B28A; rotated by 15 bits 0x65151851; plus the constant.
    assert mirror.crc32c(bytes(8)) == 0x8C28B28A
    assert mirror.record(b"") == bytes(8) + struct.pack("<II", 0x07980329, 0xA282EAD8)


def read(folder: Path) -> list[MirroredEvent]:
    (path,) = folder.iterdir()
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        content = data[12 : 12 + length]
        assert data[: 16 + length] == mirror.record(content)
        found.append(MirroredEvent.FromString(content))
        data = data[16 + length :]
    return found


def test_scalars_are_taken_over(tmp_path: Path) -> None:
    copy = Mirror(tmp_path / "new", "a/")
    clock = ClockReading(timed_sec=12.5)
    evaluation = Evaluation(global_step=7, metrics={"validation/loss": 0.25})
    copy.show(Event(unix_time_sec=3.5, clock=clock, evaluation=evaluation))
    copy.show(Event(remark=Remark(message="nothing to draw")))
    copy.show(Event(scalar_metrics=ScalarMetrics(global_step=8, metrics={"b": 2, "a": 1})))
    version, *events = read(tmp_path / "new")
    assert version.file_version == "brain.Event:2"
    told = [(e.step, [(v.tag, v.simple_value) for v in e.summary.value]) for e in events]
    assert told == [
        (7, [("a/timed_sec", 12.5), ("a/validation/loss", 0.25)]),
        (8, [("a/a", 1.0), ("a/b", 2.0)]),
    ]
    assert events[0].wall_time == 3.5


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    copy = Mirror(tmp_path / "file")
    copy.show(Event(scalar_metrics=ScalarMetrics(metrics={"a": 1})))
    assert (tmp_path / "file").read_text() == ""
