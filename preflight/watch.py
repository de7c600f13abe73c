"""Sees whether a submission's own code runs where it should not."""

import os
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


class Watch:
    """Notes calls of functions that stand in a folder's files.

    Attributes:
      seen: (file, line, name) of the functions that were called, in order.
    """

    def __init__(self, folder: Path):
        self.seen: list[tuple[str, int, str]] = []
        self._prefix = str(folder) + os.sep

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside it, this thread's calls are noted."""
        before = sys.getprofile()
        sys.setprofile(self._take_note)
        try:
            yield
        finally:
            sys.setprofile(before)

    def _take_note(self, frame: types.FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._prefix):
            self.seen.append((code.co_filename, code.co_firstlineno, code.co_name))


class Company:
    """Threads and processes that were not there when this object was made."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._processes = set(psutil.Process().children(recursive=True))

    def threads(self) -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread not in self._threads]

    def processes(self) -> list[psutil.Process]:
        now = psutil.Process().children(recursive=True)
        return [process for process in now if process not in self._processes]
