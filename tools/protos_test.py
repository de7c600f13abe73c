import pathlib

import pytest

from tools import protos

REPOSITORY = pathlib.Path(__file__).parent.parent


def test_checked_in_modules_are_those_of_the_proto_files(tmp_path: pathlib.Path) -> None:
    sources = protos.spec_protos(REPOSITORY)
    assert sources, "no spec/*.proto found"
    protos.generate(REPOSITORY, sources, tmp_path)
    expected = {path.name: path.read_text() for path in tmp_path.glob("spec/*")}
    actual = {path.name: path.read_text() for path in REPOSITORY.glob("spec/*_pb2.py*")}
    stale = sorted(
        name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name)
    )
    assert not stale, f"{stale} do not match spec/*.proto: run `python tools/protos.py`"


def test_update_writes_new_modules_and_removes_orphans(tmp_path: pathlib.Path) -> None:
    spec = tmp_path / "spec"
    spec.mkdir()
    (spec / "a.proto").write_text('syntax = "proto3"; message A { int32 x = 1; }')
    (spec / "gone_pb2.py").touch()
    (spec / "other.py").touch()
    protos.update(tmp_path)
    names = sorted(path.name for path in spec.iterdir())
    assert names == ["a.proto", "a_pb2.py", "a_pb2.pyi", "other.py"]


def test_a_proto_that_does_not_parse_is_an_error(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.proto").write_text("message {")
    with pytest.raises(SystemExit, match="protoc failed"):
        protos.generate(tmp_path, ["bad.proto"], tmp_path)
    assert "bad.proto" in capfd.readouterr().err
