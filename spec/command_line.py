"""What all commands share: arguments that are wrong get one line and exit status 2."""

import argparse
import contextlib
import io
import os
import sys
import threading
import time
from typing import NoReturn

USAGE_ERROR = 2
LINGER_SEC = 20  # that threads have to end by themselves when a command is over


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"error: {message} (--help explains)\n")


def print_any_name() -> None:
    r"""Lets names of files that are not UTF-8 be printed, as \udcxx."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Flushes what was printed, unless somebody, such as a submission, has closed where to."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def end(status: int) -> NoReturn:
    """Ends this program, also where a submission has left a thread that would keep it for ever."""
    threading.Thread(target=_end_at_last, args=[status], daemon=True).start()
    sys.exit(status)


def _end_at_last(status: int) -> None:
    time.sleep(LINGER_SEC)
    with contextlib.suppress(Exception):
        print(f"threads that ran on for {LINGER_SEC} s are ended", file=sys.stderr, flush=True)
    os._exit(status)
