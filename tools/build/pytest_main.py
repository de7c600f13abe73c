"""Runs pytest as a Bazel test: the entry point of every `pytest_test`.

Honours Bazel's test environment: report file, temporary folder, sharding, `--test_filter`, and the
time limit (a stack of every thread is printed shortly before Bazel kills a test that hangs).
"""

import faulthandler
import os
import pathlib
import sys

import pytest

_DUMP_BEFORE_TIMEOUT_SEC = 5


class Sharding:
    """Keeps every n-th test of the collection, as Bazel's `shard_count` asks."""

    def __init__(self, index: int, total: int) -> None:
        self.index = index
        self.total = total
        self.collected = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.collected = len(items)
        items[:] = items[self.index :: self.total]


def sharding_from_environment() -> Sharding:
    status_file = os.environ.get("TEST_SHARD_STATUS_FILE")
    if status_file:
        pathlib.Path(status_file).touch()  # Tells Bazel that this runner shards.
    return Sharding(
        index=int(os.environ.get("TEST_SHARD_INDEX", "0")),
        total=int(os.environ.get("TEST_TOTAL_SHARDS", "1")),
    )


def dump_stacks_on_crash_or_timeout() -> None:
    """In place of pytest's own plugin, which gives up waiting for a hang at the first failure."""
    stderr = os.dup(2)  # pytest redirects standard error while a test runs.
    faulthandler.enable(stderr)
    after = int(os.environ.get("TEST_TIMEOUT", "0")) - _DUMP_BEFORE_TIMEOUT_SEC
    if after > 0:
        faulthandler.dump_traceback_later(after, file=stderr)


def main() -> int:
    temporary = os.environ["TEST_TMPDIR"]
    root = pathlib.Path(os.environ["TEST_SRCDIR"], os.environ["TEST_WORKSPACE"])
    os.environ.setdefault("HOME", temporary)
    dump_stacks_on_crash_or_timeout()

    arguments = [
        f"--config-file={root / 'pyproject.toml'}",
        f"--rootdir={root}",
        f"--basetemp={temporary}/pytest",
        f"--junitxml={os.environ['XML_OUTPUT_FILE']}",
        "-pno:cacheprovider",
        "-pno:faulthandler",
        # The one plugin by its name: of those that it finds itself, pytest rewrites every module to
        # explain assertions, and in a sandbox it cannot keep what it wrote. That takes a second.
        "--disable-plugin-autoload",
        "-p_hypothesis_pytestplugin",
        "-v",  # Names the test that was running when a process dies.
    ]
    test_filter = os.environ.get("TESTBRIDGE_TEST_ONLY")
    if test_filter:
        arguments += ["-k", test_filter]

    sharding = sharding_from_environment()
    status = pytest.main(arguments + sys.argv[1:], plugins=[sharding])

    # No test at all is a mistake in the test file, unless a filter or other shards took them.
    empty_by_choice = bool(test_filter) or (sharding.total > 1 and sharding.collected > 0)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and empty_by_choice:
        return 0
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
