"""What all commands share: arguments that are wrong get one line and exit status 2."""

import argparse
import io
import sys
from typing import NoReturn

USAGE_ERROR = 2


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"error: {message} (--help explains)\n")


def print_any_name() -> None:
    r"""Lets names of files that are not UTF-8 be printed, as \udcxx."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
