import argparse
from pathlib import Path

import pytest

from spec.user_paths import output_path, user_path


def test_paths_are_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUILD_WORKING_DIRECTORY", raising=False)
    assert user_path("x/y") == Path.cwd() / "x/y"
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", "/home/user")
    assert user_path("x/y") == Path("/home/user/x/y")
    assert user_path("/x/y") == Path("/x/y")
    monkeypatch.setenv("HOME", "/home/other")
    assert user_path("~/x") == Path("/home/other/x")
    assert user_path("~nobody-of-that-name/x") == Path("/home/user/~nobody-of-that-name/x")


def test_nothing_is_written_to_a_path_that_is_empty() -> None:
    assert output_path(".") == Path.cwd()
    with pytest.raises(argparse.ArgumentTypeError, match="an empty path"):
        output_path("")
