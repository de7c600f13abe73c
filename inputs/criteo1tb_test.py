"""Days in the published format, of a few lines, from gzip files to batches."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inputs import criteo1tb, pipeline, storage
from inputs.click_lines import rows_of
from inputs.pipeline import TrainBatches, train_batch
from inputs.testing import criteo_lines
from spec import loading, rng
from spec.loading import SpecError
from spec.workload_pb2 import Workload

FULL = loading.load_workload("criteo1tb_test")
LINES_PER_FILE, NUM_TEST_FILES = 10, 2


TEXTS = [criteo_lines(day, 23 + day % 5) for day in range(criteo1tb.NUM_DAYS)]
LENGTHS = [text.count(b"\n") for text in TEXTS]


def workload() -> Workload:
    small = Workload()
    small.CopyFrom(FULL)
    small.dataset.criteo1tb.lines_per_file = LINES_PER_FILE
    small.dataset.criteo1tb.num_test_files = NUM_TEST_FILES
    small.splits.train = sum(LENGTHS[:23])
    small.splits.eval_train = 30
    small.splits.test = NUM_TEST_FILES * LINES_PER_FILE
    small.splits.validation = LENGTHS[23] - small.splits.test
    small.eval_batch_size = 8
    return small


WORKLOAD = workload()
OPTIONS = WORKLOAD.dataset.criteo1tb


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for day, text in enumerate(TEXTS):
        (folder / f"day_{day}.gz").write_bytes(gzip.compress(text))
    return folder


@pytest.fixture
def prepared(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    monkeypatch.setattr(criteo1tb, "_workload", lambda: WORKLOAD)
    folder = storage.data_folder("criteo1tb")
    criteo1tb.prepare(raw, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def numbers(text: bytes) -> np.ndarray:
    return rows_of(text, OPTIONS.num_buckets, "", 1)


def test_splits_hold_the_lines_of_their_days_and_files(prepared: Path) -> None:
    source = criteo1tb.open_source(WORKLOAD)
    rows = {}
    for split in ("train", "validation", "test"):
        batch = source.batch(split, np.arange(source.num_examples(split)), None)
        assert {array.dtype for array in batch.values()} == {np.dtype(np.float32)}
        rows[split] = np.column_stack([batch["targets"], batch["inputs"]])
    last = numbers(TEXTS[23])
    np.testing.assert_array_equal(rows["train"], numbers(b"".join(TEXTS[:23])))
    np.testing.assert_array_equal(rows["test"], last[: NUM_TEST_FILES * LINES_PER_FILE])
    np.testing.assert_array_equal(rows["validation"], last[NUM_TEST_FILES * LINES_PER_FILE :])
    assert [part.state for part in criteo1tb.check(prepared)] == ["ready"] * 27


def test_examples_are_given_in_any_order(prepared: Path) -> None:
    source = criteo1tb.open_source(WORKLOAD)
    chosen = np.array([500, 3, 3, 77, 12])
    expected = numbers(b"".join(TEXTS[:23]))[chosen]
    np.testing.assert_array_equal(source.batch("train", chosen, None)["inputs"], expected[:, 1:])


def test_an_epoch_has_whole_files_in_random_order(prepared: Path) -> None:
    source = criteo1tb.open_source(WORKLOAD)
    count = source.num_examples("train")
    orders = [
        source.train_order(rng.key(0, "shuffle", "train", e), np.arange(count)) for e in (0, 1)
    ]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(count))
        # Only where a file begins is an example not followed by its neighbour.
        num_files = sum(-(-length // LINES_PER_FILE) for length in LENGTHS[:23])
        assert num_files - 10 < np.count_nonzero(np.diff(order) != 1) < num_files
    assert (orders[0] != orders[1]).any()
    some = np.array([3, 500, 41])
    np.testing.assert_array_equal(
        source.train_order(rng.key(0, "shuffle", "train", 0), some), orders[0][some]
    )


def test_training_and_evaluation_batches(prepared: Path) -> None:
    batches = TrainBatches(WORKLOAD, 0, 16, start_step=40)
    first = next(batches)
    batches.close()
    again = train_batch(criteo1tb.open_source(WORKLOAD), 0, 16, slice(None), 40)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    weights = sum(batch["weights"].sum() for batch in pipeline.eval_batches(WORKLOAD, "eval_train"))
    assert weights == WORKLOAD.splits.eval_train


@pytest.mark.parametrize("stop_at", [0, 1, 2])
def test_a_stopped_preparation_goes_on_to_the_same_bytes(
    raw: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    whole, folder = contents(prepared), tmp_path / "again"
    parsed: list[bytes] = []

    def rows_then_stop(text: bytes, *arguments: object) -> np.ndarray:
        if len(parsed) == stop_at:
            raise KeyboardInterrupt
        parsed.append(text)
        return rows_of(text, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(criteo1tb, "rows_of", rows_then_stop)
        patch.setattr("os.cpu_count", lambda: 1)
        with pytest.raises(KeyboardInterrupt):
            criteo1tb.prepare(raw, folder)
    left = contents(folder)
    assert len(left) == stop_at and all(whole[name] == data for name, data in left.items())
    times = {name: (folder / name).stat().st_mtime_ns for name in left}
    criteo1tb.prepare(raw, folder)
    assert contents(folder) == whole
    assert times == {name: (folder / name).stat().st_mtime_ns for name in left}


def test_a_killed_preparation_goes_on_to_the_same_bytes(
    raw: Path, prepared: Path, tmp_path: Path
) -> None:
    program = """
import os, pathlib, sys
from inputs import criteo1tb, criteo1tb_test
parse, calls = criteo1tb.rows_of, []
def rows_of(*arguments):
    if len(calls) == 5:
        # Part of the file has been written by now.
        os.kill(os.getpid(), 9)
    calls.append(arguments)
    return parse(*arguments)
criteo1tb.rows_of, criteo1tb.READ_BYTES, os.cpu_count = rows_of, 500, lambda: 1
criteo1tb.prepare_days(*map(pathlib.Path, sys.argv[1:]), criteo1tb_test.OPTIONS)
"""
    folder = tmp_path / "again"
    command = [sys.executable, "-c", program, str(raw), str(folder)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == -9, result.stderr
    assert any(path.suffix == ".part" for path in folder.iterdir())
    criteo1tb.prepare(raw, folder)
    assert contents(folder) == contents(prepared)


def test_days_may_come_one_after_another(raw: Path, prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    (raw / "day_4.gz").rename(tmp_path / "later.gz")
    criteo1tb.prepare(raw, folder)
    states = {part.name: part.state for part in criteo1tb.check(folder)}
    assert states["day 4"] == "missing" and states["day 5"] == "ready"
    assert states["train"] == "partial" and states["test"] == "ready"
    (tmp_path / "later.gz").rename(raw / "day_4.gz")
    criteo1tb.prepare(raw, folder)
    assert contents(folder) == contents(prepared)


def test_gzip_members_and_a_last_line_without_newline(
    raw: Path, prepared: Path, tmp_path: Path
) -> None:
    text, folder = TEXTS[0], tmp_path / "again"
    members = [gzip.compress(text[:700]), gzip.compress(text[700:].rstrip(b"\n"))]
    (raw / "day_0.gz").write_bytes(b"".join(members))
    criteo1tb.prepare(raw, folder)
    assert contents(folder) == contents(prepared)


def damaged(data: bytes) -> bytes:
    """With another checksum of the text at its end."""
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


@pytest.mark.parametrize(
    ("change", "message", "kept"),
    [
        (lambda data: data[:-9], r"day_3.gz: the gzip file is cut off, after line 2\d", 2),
        (damaged, "day_3.gz: the gzip file is damaged, found after line .*incorrect data check", 0),
        (lambda data: b"PK" + data, "day_3.gz: the gzip file is damaged, .*incorrect header", 0),
        (lambda data: gzip.compress(b""), "day_3.gz: there is no line in it", 0),
        (lambda data: gzip.compress(TEXTS[3] + b"1\t2\n"), "day_3.gz:27: 2 fields, expected 40", 2),
    ],
)
def test_a_wrong_day_is_named_and_leaves_no_wrong_file(
    raw: Path,
    prepared: Path,
    tmp_path: Path,
    change: Callable[[bytes], bytes],
    message: str,
    kept: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(criteo1tb, "READ_BYTES", 500)  # so that files are there when it is found
    good, folder = (raw / "day_3.gz").read_bytes(), tmp_path / "again"
    for path in raw.iterdir():
        if path.name != "day_3.gz":
            path.unlink()
    (raw / "day_3.gz").write_bytes(change(good))
    with pytest.raises(SpecError, match=message):
        criteo1tb.prepare(raw, folder)
    left = contents(folder) if folder.exists() else {}
    assert len(left) == kept
    assert all(contents(prepared)[name] == data for name, data in left.items())
    (raw / "day_3.gz").write_bytes(good)
    criteo1tb.prepare(raw, folder)
    assert contents(folder).items() <= contents(prepared).items()


def test_nothing_to_prepare_from(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"expected day_0.gz and the like, there are none"):
        criteo1tb.prepare(tmp_path, tmp_path / "out")


def test_what_is_there_must_be_what_the_workload_says(prepared: Path) -> None:
    other = Workload()
    other.CopyFrom(WORKLOAD)
    other.splits.train += 1
    with pytest.raises(SpecError, match=r"train has 572 lines, .* expects 573"):
        criteo1tb.open_source(other)
    with pytest.raises(SpecError, match=r"files of 10 lines, .* expects 5,000,000"):
        criteo1tb.open_source(FULL)
    (prepared / "day_7_01.npy").write_bytes(b"short")
    with pytest.raises(SpecError, match=r"day_7_01.npy: .*prepare again"):
        criteo1tb.open_source(WORKLOAD)
    (prepared / "day_7.json").unlink()
    with pytest.raises(
        SpecError, match=r"not prepared in .*: day 7 is not complete; `tandem data p"
    ):
        criteo1tb.open_source(WORKLOAD)


def test_the_hash_is_of_the_text(prepared: Path) -> None:
    before = criteo1tb.open_source(WORKLOAD).sha256
    record = json.loads((prepared / "day_0.json").read_text())
    (prepared / "day_0.json").write_text(json.dumps(record | {"sha256": "00" * 32}))
    assert criteo1tb.open_source(WORKLOAD).sha256 != before
