"""The file by which the process that works on a run folder keeps others out."""

import contextlib
import fcntl
import os
import struct
from pathlib import Path

from harness.errors import UsageError

FILE = "lock"
_PROGRESS = struct.Struct("<qd")  # steps, timed seconds


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
        data = os.pread(self._file, _PROGRESS.size, 0)
        return _PROGRESS.unpack(data) if len(data) == _PROGRESS.size else (0, 0.0)

    def close(self) -> None:
        os.close(self._file)
