from pathlib import Path

import pytest

from inputs.records import Record, Records, digest, read_index, write_records

SOME = [Record(b"bb", 1, "b"), Record(b"", 0, "a"), Record(b"c" * 300, 2, "ü/c")]


def written(path: Path, records: list[Record] = SOME) -> Path:
    write_records(path, records)
    return path


def test_records_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    path = written(tmp_path / "x.records")
    records = Records([path])
    assert records.labels.tolist() == [0, 1, 2]
    assert [records[i].data for i in range(len(records))] == [b"", b"bb", b"c" * 300]
    assert records[2] == (b"c" * 300, 2, f"ü/c in {path}")


def test_files_follow_each_other(tmp_path: Path) -> None:
    first, empty = written(tmp_path / "1"), written(tmp_path / "2", [])
    last = written(tmp_path / "3", [Record(b"last", 7, "z")])
    records = Records([first, empty, last])
    assert [record.label for record in map(records.__getitem__, range(4))] == [0, 1, 2, 7]
    assert len(Records([])) == 0


def test_a_record_that_has_changed_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "x")
    path.write_bytes(b"X" + path.read_bytes()[1:])
    with pytest.raises(ValueError, match=r"b in .*: the bytes have changed"):
        Records([path])[1]


@pytest.mark.parametrize("size", [0, 10, -1])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, size: int) -> None:
    path = written(tmp_path / "x")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="x: not a complete record file"):
        read_index(path)


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x")
    data = bytearray(path.read_bytes())
    data[302:310] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(ValueError, match="x: the index is damaged"):
        read_index(path)


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="b comes twice"):
        write_records(tmp_path / "x", [SOME[0], SOME[0]])
    assert list(tmp_path.iterdir()) == []


def test_the_digest_depends_on_contents_and_not_on_the_order_of_writing(tmp_path: Path) -> None:
    path, reversed_path = written(tmp_path / "1"), written(tmp_path / "2", SOME[::-1])
    assert digest([Records([path])]) == digest([Records([reversed_path])])
    for changed in (Record(b"bc", 1, "b"), Record(b"bb", 2, "b"), Record(b"bb", 1, "b2")):
        other = written(tmp_path / "3", [changed, *SOME[1:]])
        assert digest([Records([path])]) != digest([Records([other])])
