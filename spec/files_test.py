import os
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
    for name in (".file[1].123.part", ".file1.123.part"):
        (tmp_path / name).write_text("left, and of another file")
        os.utime(tmp_path / name, (0, 0))
    files.write_text(path, "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".file1.123.part", "file[1]"]


def test_several_may_write_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with files.writing(path) as first:
        first.write_text("first")
        files.write_text(path, "second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
