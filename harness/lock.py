"""The file by which the process that works on a run folder keeps others out."""

import contextlib
import dataclasses
import fcntl
import os
import struct
from pathlib import Path

from harness.errors import UsageError

FILE = "lock"
_PROGRESS = struct.Struct("<qd")  # steps, timed seconds


@dataclasses.dataclass(frozen=True)
class Look:
    """What somebody sees who does not hold the lock.

    Attributes:
      step: steps taken, as noted last.
      timed_sec: the same of timed seconds.
      time_sec: when they were noted, in seconds since 1970.
      file: device and number of the file; `held` has it while a process holds the lock.
    """

    step: int = 0
    timed_sec: float = 0.0
    time_sec: float = 0.0
    file: tuple[int, int] = (0, 0)


def look(folder: Path) -> Look:
    """Reads how far a trial got without disturbing it; zeros where no process ever ran it."""
    try:
        with (folder / FILE).open("rb") as file:
            data, status = file.read(_PROGRESS.size), os.fstat(file.fileno())
    except OSError:
        return Look()
    step, timed_sec = _unpack(data)
    return Look(step, timed_sec, status.st_mtime, (status.st_dev, status.st_ino))


def held() -> frozenset[tuple[int, int]]:
    """Device and number of the files that processes of this machine hold locks of; empty where the
    operating system, if it is not Linux, does not say.
    """
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return frozenset()
    found = set()
    for line in lines:  # 1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF; major and minor in hex
        major, minor, number = line.replace("-> ", "").split()[5].split(":")
        found.add((os.makedev(int(major, 16), int(minor, 16)), int(number)))
    return frozenset(found)


def _unpack(data: bytes) -> tuple[int, float]:
    return _PROGRESS.unpack(data) if len(data) == _PROGRESS.size else (0, 0.0)


class RunLock:
    """Locks a run folder as long as the process lives, however it ends.

    In the file is how far the trial got. The operating system has what was written even when the
    process is killed, so that the steps that are lost with it can be counted; writing it takes about
    a microsecond.
    """

    def __init__(self, folder: Path):
        """Raises UsageError where another process holds the lock or the file cannot be written."""
        try:
            self._file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UsageError(f"{folder / FILE}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            if isinstance(error, BlockingIOError):
                raise UsageError(f"another process works on {folder}") from error
            raise UsageError(f"{folder / FILE} cannot be locked: {error.strerror}") from error

    def note(self, step: int, timed_sec: float) -> None:
        """Writes how far the trial got."""
        with contextlib.suppress(OSError):  # a full disk says so where something is at stake
            os.pwrite(self._file, _PROGRESS.pack(step, timed_sec), 0)

    def noted(self) -> tuple[int, float]:
        """Steps and timed seconds that were written last; zeros where none were."""
        return _unpack(os.pread(self._file, _PROGRESS.size, 0))

    def close(self) -> None:
        os.close(self._file)
