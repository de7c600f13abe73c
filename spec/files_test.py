import os
import subprocess
from pathlib import Path

import pytest

from spec import files


def test_text_replaces_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    files.write_text(path, "é\n")
    files.write_text(path, "new\n")
    assert path.read_bytes() == b"new\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_fault_leaves_the_old_content_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), files.writing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file[1]"
    child = subprocess.Popen(["true"])
    child.wait()
    dead = f".file[1].{files._HOST}-{child.pid}-1.part"
    old, new, other = ".file[1].far-1-1.part", ".file[1].far-2-1.part", ".file1.far-1-1.part"
    for name in (dead, old, new, other):
        (tmp_path / name).write_text("left")
    for name in (old, other):
        os.utime(tmp_path / name, (0, 0))
    files.write_text(path, "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([other, new, "file[1]"])


def test_several_may_write_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with files.writing(path) as first:
        first.write_text("first")
        files.write_text(path, "second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
