"""Escapes from the sandbox, each tried by a small program inside."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness import sandbox
from inputs import storage

MEMORY_BYTES = 2**30


REASON = sandbox.obstacle()
needs_bubblewrap = pytest.mark.skipif(bool(REASON), reason=REASON)


def run(
    folder: Path, program: str, readable: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs a program of Python inside; it may write `folder`."""
    folder.mkdir(exist_ok=True)
    argv = [sys.executable, "-c", program]
    places = {str(path): path for path in readable}
    command = sandbox.command(argv, places, MEMORY_BYTES, folder)
    environment = sandbox.environment()
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@needs_bubblewrap
def test_it_writes_its_folder_and_nothing_else(tmp_path: Path) -> None:
    outside = Path(__file__).with_name("escaped")
    program = f"""
from pathlib import Path
Path("inside").write_text("here")
for place in ({str(outside)!r}, "/escaped", "/etc/escaped", {sys.prefix + "/escaped"!r}):
    try:
        Path(place).write_text("escaped")
    except OSError as error:
        assert "Read-only" in str(error), error
    else:
        raise SystemExit(f"{{place}} was written")
"""
    result = run(tmp_path / "own", program)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "own" / "inside").read_text() == "here"
    assert not outside.exists()


@needs_bubblewrap
def test_it_sees_no_other_temporary_files_no_home_and_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text("secret")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "other").write_text("secret")
    program = f"""
from pathlib import Path
for place in {[str(tmp_path / name) for name in ("home/secret", "data/secret", "other")]!r}:
    assert not Path(place).exists(), place
"""
    result = run(tmp_path / "own", program)
    assert result.returncode == 0, result.stderr


@needs_bubblewrap
def test_data_below_a_folder_that_is_shown_stay_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, data = tmp_path / "shown", tmp_path / "shown" / "data"
    data.mkdir(parents=True)
    for place in (shown, data):
        (place / "file").touch()
    monkeypatch.setenv(storage.VARIABLE, str(data))
    program = f"""
from pathlib import Path
assert Path({str(shown / "file")!r}).exists()
assert not Path({str(data / "file")!r}).exists()
"""
    result = run(tmp_path / "own", program, [shown])
    assert result.returncode == 0, result.stderr


@needs_bubblewrap
def test_it_reaches_no_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)"
        result = run(tmp_path / "own", program)
    assert result.returncode == 1
    assert "ConnectionRefusedError" in result.stderr or "unreachable" in result.stderr


@needs_bubblewrap
def test_it_sees_no_process_outside(tmp_path: Path) -> None:
    result = run(tmp_path / "own", f"import os; os.kill({os.getpid()}, 0)")
    assert "ProcessLookupError" in result.stderr


@needs_bubblewrap
def test_it_gets_no_more_memory_than_it_may(tmp_path: Path) -> None:
    result = run(tmp_path / "own", f"bytearray({MEMORY_BYTES})")
    assert "MemoryError" in result.stderr
    assert run(tmp_path / "own", f"bytearray({MEMORY_BYTES // 4})").returncode == 0


def test_without_the_program_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "bwrap is not installed" in sandbox.obstacle()
