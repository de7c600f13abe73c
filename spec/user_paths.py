"""Paths that a user writes on a command line."""

import argparse
import os
from pathlib import Path


def user_path(text: str) -> Path:
    """The path as its user means it: from where they stand, also under `bazel run`, which starts a
    program elsewhere and says in a variable where that was. Absolute, for a submission may go
    elsewhere too.
    """
    return Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), os.path.expanduser(text)).absolute()


def output_path(text: str) -> Path:
    """The path to write to, as its user means it.

    Raises:
      argparse.ArgumentTypeError: it is empty, as of a variable that was not set.
    """
    if not text:
        raise argparse.ArgumentTypeError("an empty path; to write to the folder you are in, say .")
    return user_path(text)
