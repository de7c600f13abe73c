import importlib.metadata
import sys
from pathlib import Path

import pytest

from conformance import processes
from spec.loading import SpecError


@pytest.mark.parametrize("optimized", [True, False])
def test_tiny_models_are_compiled_quickly_and_a_caller_may_say_otherwise(
    optimized: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    flags = variable("XLA_FLAGS", optimized)
    assert flags == ("--mine" if optimized else f"{quick()} --mine")


@pytest.mark.parametrize(
    ("own", "optimized", "expected"),
    [(None, False, processes.THREADS), (None, True, "None"), ("2", False, "2"), ("2", True, "2")],
)
def test_tiny_models_compute_in_one_thread_and_a_caller_may_say_otherwise(
    own: str | None, optimized: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if own:
        monkeypatch.setenv("OMP_NUM_THREADS", own)
    assert variable("OMP_NUM_THREADS", optimized) == expected


def quick() -> str:
    return processes.quick_compilation(importlib.metadata.version("jaxlib"))


def test_a_jaxlib_gets_no_flag_that_it_does_not_know() -> None:
    both = f"{processes.QUICK_COMPILATION} {processes.OLDER_GENERATOR}"
    expected = {"0.9.2": both, "0.10.2": both, "0.11.2": processes.QUICK_COMPILATION}
    expected["1.0.0"] = processes.QUICK_COMPILATION
    assert {version: processes.quick_compilation(version) for version in expected} == expected


def variable(name: str, optimized: bool) -> str:
    """The variable of the environment as a testee sees it."""
    code = (
        "import json, os, sys; sys.stdin.readline();"
        f"print(json.dumps({{'ok': False, 'error': str(os.environ.get('{name}'))}}))"
    )
    process = processes.Process("other", [sys.executable, "-c", code], optimized=optimized)
    with pytest.raises(processes.TesteeError) as answer:
        process.ask("parameters")
    process.close()
    return str(answer.value)


def test_all_tests_compile_and_compute_as_tiny_models_do() -> None:
    lines = Path(processes.__file__).parents[1].joinpath(".bazelrc").read_text().splitlines()
    assert f'build --test_env="XLA_FLAGS={quick()}"' in lines
    assert f"build --test_env=OMP_NUM_THREADS={processes.THREADS}" in lines


def test_a_framework_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(processes.PACKAGES, "pytorch", "no_such_package")
    with (
        pytest.raises(SpecError, match=r"no_such_package is not installed; .*\[pytorch\]"),
        processes.running(),
    ):
        pass


def test_a_backend_that_dies_is_named() -> None:
    code = "import sys; sys.stdin.readline(); sys.exit(3)"
    process = processes.Process("other", [sys.executable, "-c", code])
    process.send("parameters")
    with pytest.raises(processes.TesteeError, match="backend other ended with status 3"):
        process.receive()
    process.close()
