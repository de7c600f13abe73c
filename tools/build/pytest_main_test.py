"""Runs the entry point of pytest_test as Bazel would, over small test files."""

import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

from tools.build import pytest_main

MAIN = pathlib.Path(__file__).parent / "pytest_main.py"

THREE_TESTS = """
import os, pathlib
def test_a(tmp_path: pathlib.Path) -> None: assert str(tmp_path).startswith(os.environ["TEST_TMPDIR"])
def test_b(): assert pathlib.Path.home().exists()
def test_c(): pass
"""


class Run:
    """A finished run: its exit status, its output, and the outcomes in its report."""

    def __init__(self, folder: pathlib.Path, text: str, environment: dict[str, str]) -> None:
        workspace = folder / "runfiles" / "tandem"
        workspace.mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        (workspace / "pyproject.toml").write_text("[tool.pytest]\npythonpath = ['.']\n")
        (workspace / "x_test.py").write_text(text)
        report = folder / "test.xml"
        result = subprocess.run(
            [sys.executable, MAIN, "x_test.py"],
            cwd=workspace,
            env={
                "PATH": os.environ["PATH"],
                "TEST_SRCDIR": str(folder / "runfiles"),
                "TEST_WORKSPACE": "tandem",
                "TEST_TMPDIR": str(folder / "tmp"),
                "XML_OUTPUT_FILE": str(report),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.status = result.returncode
        self.output = result.stdout
        self.names: list[str] = []
        if report.exists():
            cases = ElementTree.parse(report).getroot().iter("testcase")
            self.names = [case.attrib["name"] for case in cases]


StartRun = Callable[..., Run]


@pytest.fixture
def run(tmp_path: pathlib.Path) -> StartRun:
    return lambda text, **environment: Run(tmp_path, text, environment)


def test_passes_and_reports(run: StartRun) -> None:
    result = run(THREE_TESTS)
    assert (result.status, result.names) == (0, ["test_a", "test_b", "test_c"]), result.output


@pytest.mark.parametrize(
    "text", ["def test_a(): assert False", "import no_such_module", "def f(): pass"]
)
def test_failures_errors_and_empty_files_fail(run: StartRun, text: str) -> None:
    assert run(text).status != 0


def test_a_crash_fails_and_names_the_test(run: StartRun) -> None:
    result = run("def test_boom():\n    import os; os._exit(7)")
    assert result.status == 7
    assert "test_boom" in result.output


def test_a_crash_by_signal_prints_a_stack(run: StartRun) -> None:
    result = run("def test_boom():\n    import faulthandler; faulthandler._sigsegv()")
    assert result.status < 0
    assert "in test_boom" in result.output


def test_stacks_are_due_shortly_before_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    due: list[float] = []
    monkeypatch.setattr("faulthandler.enable", lambda file: None)
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda sec, file: due.append(sec))
    monkeypatch.setenv("TEST_TIMEOUT", "60")
    pytest_main.dump_stacks_on_crash_or_timeout()
    assert due == [55]


def test_filter_selects(run: StartRun) -> None:
    assert run(THREE_TESTS, TESTBRIDGE_TEST_ONLY="test_b").names == ["test_b"]
    assert run(THREE_TESTS, TESTBRIDGE_TEST_ONLY="none_such").status == 0


def test_shards_split_the_tests(run: StartRun, tmp_path: pathlib.Path) -> None:
    status_file = tmp_path / "shard status"
    seen = []
    for index in range(2):
        result = run(
            THREE_TESTS,
            TEST_TOTAL_SHARDS="2",
            TEST_SHARD_INDEX=str(index),
            TEST_SHARD_STATUS_FILE=str(status_file),
        )
        assert result.status == 0, result.output
        seen.append(result.names)
    assert sorted(seen[0] + seen[1]) == ["test_a", "test_b", "test_c"]
    assert sorted(map(len, seen)) == [1, 2]
    assert status_file.exists()


def test_an_empty_file_fails_in_every_shard(run: StartRun) -> None:
    assert run("", TEST_TOTAL_SHARDS="2", TEST_SHARD_INDEX="1").status == 5


def test_the_one_plugin_is_there_and_not_rewritten(run: StartRun) -> None:
    text = """
import hypothesis
def test_a(pytestconfig):
    assert pytestconfig.pluginmanager.hasplugin("_hypothesis_pytestplugin")
    assert "rewrite" not in type(hypothesis.__spec__.loader).__module__
"""
    result = run(text)
    assert result.status == 0, result.output
