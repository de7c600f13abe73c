import sys

import pytest

from conformance import processes
from spec.loading import SpecError


@pytest.mark.parametrize("optimized", [True, False])
def test_tiny_models_are_compiled_quickly_and_a_caller_may_say_otherwise(
    optimized: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    code = (
        "import json, os, sys; sys.stdin.readline();"
        "print(json.dumps({'ok': False, 'error': os.environ['XLA_FLAGS']}))"
    )
    process = processes.Process("other", [sys.executable, "-c", code], optimized=optimized)
    with pytest.raises(processes.TesteeError) as flags:
        process.ask("parameters")
    process.close()
    assert str(flags.value) == ("--mine" if optimized else f"{processes.QUICK_COMPILATION} --mine")


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
