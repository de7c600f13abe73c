"""Places with logs: folders, single files, archives, and what in them is none of these."""

import bz2
import gzip
import io
import itertools
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.export import write_trial, write_trials
from scoring.readers import archives
from scoring.readers.logs import read_logs
from scoring.records import Ledger
from scoring.testing import TIDY_HEADER, errors, make_trial, same, some_trials


def test_damaged_compression_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "evals_v05_external_a.csv.xz"
    path.write_bytes(lzma.compress(TIDY_HEADER.encode())[:-9])
    assert "ends early" in errors(read_logs([tmp_path]))[0]
    path.write_bytes(b"no xz")
    assert "is damaged" in errors(read_logs([tmp_path]))[0]


def test_archives_read_like_the_folders_in_them(tmp_path: Path) -> None:
    written = some_trials()
    write_trials(written, tmp_path / "logs")
    with tarfile.open(tmp_path / "all.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "logs", "any/where")
    ledger = read_logs([tmp_path / "all.tar.xz"])
    assert not ledger.problems
    assert all(itertools.starmap(same, zip(ledger.trials, written, strict=True)))
    assert "all.tar.xz!any/where/adamw/study_0" in ledger.trials[0].origin


def test_an_archive_cannot_reach_outside_and_its_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        for name in ("../x/study_0/wmt_jax/trial_1/eval_measurements.csv", "/etc/a.csv"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
        link = tarfile.TarInfo("a/study_0/wmt_jax/trial_1/eval_measurements.csv")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    ledger = read_logs([tmp_path / "bad.tar"])
    assert not ledger.trials
    first, second, third = errors(ledger)
    assert "a path out of the archive" in first and "a path out of the archive" in second
    assert "a link or no plain file" in third
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar", "secret.csv"]


def test_a_link_to_nothing_and_a_pipe_are_reported(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = write_trial(make_trial([0.2], trial=number), tmp_path)
        (folder / "eval_measurements.csv").unlink()
    (folder / "eval_measurements.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder.parent / "trial_1" / "eval_measurements.csv")
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [0, 0]
    assert ["a link or no plain file" in text for text in errors(ledger)] == [True, True]


def test_a_linked_folder_is_not_followed_and_named(tmp_path: Path) -> None:
    write_trial(make_trial([0.2]), tmp_path / "logs")
    (tmp_path / "logs" / "lion").symlink_to(tmp_path / "logs" / "adamw")
    (tmp_path / "logs" / "loop").symlink_to(tmp_path / "logs")
    ledger = read_logs([tmp_path / "logs"])
    assert [trial.submission for trial in ledger.trials] == ["adamw"]
    assert ["not followed" in problem.text for problem in ledger.problems] == [True, True]
    assert not errors(ledger)


def test_a_linked_folder_with_logs_that_are_read_nowhere_is_an_error(tmp_path: Path) -> None:
    write_trial(make_trial([0.2]), tmp_path / "logs")
    write_trial(make_trial([0.2]), tmp_path / "elsewhere")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "words.csv").write_text("")
    for name, target in [("lion", "elsewhere/adamw"), ("data", "data"), ("up", ".")]:
        (tmp_path / "logs" / name).symlink_to(tmp_path / target)
    ledger = read_logs([tmp_path / "logs"])
    assert [trial.submission for trial in ledger.trials] == ["adamw"]
    assert len(ledger.problems) == 3
    (error,) = errors(ledger)
    assert error.startswith(f"{tmp_path}/logs/lion: not followed: a link to a folder with logs")


def test_a_broken_archive_and_a_missing_place_are_reported(tmp_path: Path) -> None:
    (tmp_path / "x.tar.xz").write_bytes(b"no archive")
    first, second = errors(read_logs([tmp_path / "x.tar.xz", tmp_path / "nowhere"]))
    assert "does not exist" in first and "is damaged or no archive" in second


PLACE = "adamw/study_0/criteo1tb_jax/trial_{}/eval_measurements.csv"
ROWS = (
    b"global_step,accumulated_submission_time,score,validation/loss\n"
    b"1,100,100,0.3\n11,200,200,0.2\n"
)


def tar_of(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


TWO_TRIALS = tar_of({PLACE.format(1): ROWS, PLACE.format(2): ROWS})
SECOND = TWO_TRIALS.index(PLACE.format(2).encode())  # of the second header
END = TWO_TRIALS.rindex(b"0.2\n") // 512 * 512 + 512


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_archives_of_every_kind_are_read_whatever_their_name(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "a.tar").write_bytes(compress(TWO_TRIALS))
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [2, 2]
    assert not ledger.problems


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(
    "content",
    [
        TWO_TRIALS[:SECOND],
        TWO_TRIALS[: SECOND + 200],
        TWO_TRIALS[: SECOND + 520],
        TWO_TRIALS[:END],
        TWO_TRIALS[: END + 512],
        TWO_TRIALS[: SECOND + 10] + b"x" + TWO_TRIALS[SECOND + 11 :],
        TWO_TRIALS + TWO_TRIALS,
    ],
)
def test_an_archive_that_does_not_end_as_one_is_reported(
    tmp_path: Path, content: bytes, compress: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "a.tar.gz").write_bytes(compress(content))
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].num_evaluations == 2
    (error,) = errors(ledger)
    assert "is damaged or no archive, what follows is lost" in error


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("cut", [0.3, 0.9, 1])
def test_a_compressed_archive_that_is_cut_or_damaged_is_reported(
    tmp_path: Path, compress: Callable[[bytes], bytes], cut: float
) -> None:
    whole = compress(TWO_TRIALS)
    (tmp_path / "cut.tar").write_bytes(whole[: int(cut * len(whole)) - 1])
    damaged = bytearray(whole)
    damaged[int(cut * len(whole)) - 6] ^= 255
    (tmp_path / "damaged.tar").write_bytes(damaged)
    found = "\n".join(errors(read_logs([tmp_path])))  # more where a number came out wrong
    assert "cut.tar: is damaged" in found and "damaged.tar: is damaged" in found


@pytest.mark.parametrize("ending", [".tar", ".tar.xz", ".txz", ".tgz", ".tbz2"])
def test_an_archive_is_told_by_any_of_its_endings(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a{ending}").write_bytes(TWO_TRIALS)
    for place in (tmp_path, tmp_path / f"a{ending}"):
        assert len(read_logs([place]).trials) == 2


UNREAD = [
    "a.csv.gz",
    "evals_v05_external_a.CSV",
    "events.jsonl.xz",
    "a.zip",
    "a.tar.zst",
    "eval_measurements.csv.zst",
]


@pytest.mark.parametrize("name", UNREAD)
def test_what_looks_like_logs_and_is_not_read_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.log").write_bytes(b"")
    (tmp_path / name).write_bytes(b"")
    (error,) = errors(read_logs([tmp_path]))
    assert error.startswith(f"{tmp_path / name}: looks like logs and is not read")


@pytest.mark.parametrize("name", [*UNREAD, "a.tar.xz"])
def test_what_looks_like_logs_within_an_archive_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of({f"b/{name}": b"", "b/a.log": b""}))
    (error,) = errors(read_logs([tmp_path]))
    assert f"a.tar!b/{name}: looks like logs and is not read" in error


def test_a_compressed_official_log_is_read(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.3, 0.2]), tmp_path)
    path = folder / "eval_measurements.csv"
    (folder / "eval_measurements.csv.xz").write_bytes(lzma.compress(path.read_bytes()))
    path.unlink()
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [2] and not ledger.problems
    (folder / "eval_measurements.csv.xz").write_bytes(b"no xz")
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [0]
    assert "is damaged" in errors(ledger)[0]


def test_of_a_file_that_is_twice_in_an_archive_the_last_counts(tmp_path: Path) -> None:
    one, other = (tar_of({PLACE.format(1): rows}) for rows in (ROWS, ROWS.replace(b"0.2", b"0.1")))
    (tmp_path / "a.tar").write_bytes(one[: one.rindex(b"0.2\n") // 512 * 512 + 512] + other)
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].columns["validation/loss"].tolist() == [0.3, 0.1]
    assert "more than once in the archive" in ledger.problems[0].text


def test_of_measurements_an_archive_keeps_what_is_used(tmp_path: Path) -> None:
    long = b"global_step,loss,score,preemption_count\n" + b"1,2,,\n" * 1000 + b"20,,250,0\n"
    place = PLACE.format(1)
    folder = place.rpartition("/")[0]
    content = tar_of({place: ROWS, f"{folder}/measurements.csv": long})
    (tmp_path / "a.tar").write_bytes(content)
    (found,) = archives.contents(tmp_path / "a.tar", lambda _: True, Ledger()).values()
    assert found["measurements.csv"] == long[:40] + b"20,,250,0\n"
    assert read_logs([tmp_path]).trials[0].facts.final_time_sec == 250


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("MAX_FILE_BYTES", "a part of"),
        ("MAX_KEPT_BYTES", "too large"),
        ("MAX_ARCHIVE_BYTES", "more than"),
        ("MAX_MEMBERS", "files and folders"),
    ],
)
def test_an_archive_cannot_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, text: str
) -> None:
    (tmp_path / "a.tar").write_bytes(TWO_TRIALS)
    monkeypatch.setattr(archives, limit, 1)
    assert any(text in error for error in errors(read_logs([tmp_path])))


def test_links_in_an_archive_are_named(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        link = tarfile.TarInfo("adamw/study_0/criteo1tb_jax/trial_2")
        link.type, link.linkname = tarfile.SYMTYPE, "trial_1"
        archive.addfile(link)
    (tmp_path / "a.tar").write_bytes(stream.getvalue())
    (problem,) = read_logs([tmp_path]).problems
    assert "trial_2" in problem.path and "a link" in problem.text and not problem.is_error


def test_a_linked_file_and_a_folder_in_place_of_a_log_are_reported(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = write_trial(make_trial([0.2], trial=number), tmp_path / "logs")
        (folder / "eval_measurements.csv").rename(tmp_path / f"{number}.csv")
    (folder / "eval_measurements.csv").symlink_to(tmp_path / "2.csv")
    (folder.parent / "trial_1" / "eval_measurements.csv").mkdir()
    (folder / "nothing").symlink_to(tmp_path / "nowhere")
    ledger = read_logs([tmp_path / "logs"])
    assert [trial.num_evaluations for trial in ledger.trials] == [0, 0]
    first, second = errors(ledger)
    assert "is a folder, or a link to one" in first and "a link or no plain file" in second
    assert any("a link to nothing" in problem.text for problem in ledger.problems)


def test_a_link_to_a_folder_in_place_of_a_log_is_an_error(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.2]), tmp_path)
    (folder / "eval_measurements.csv").unlink()
    (folder / "eval_measurements.csv").symlink_to(tmp_path)
    (error,) = errors(read_logs([tmp_path]))
    assert "a link to one" in error


def test_a_link_that_is_itself_asked_for_is_followed(tmp_path: Path) -> None:
    write_trial(make_trial([0.2]), tmp_path / "logs")
    (tmp_path / "link").symlink_to(tmp_path / "logs")
    assert len(read_logs([tmp_path / "link"]).trials) == 1


def test_what_the_system_does_not_let_us_read_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls are made to fail: whoever runs this may be allowed to read anything."""
    folder = write_trial(make_trial([0.2]), tmp_path)
    write_trial(make_trial([0.2], submission="hidden"), tmp_path)
    read, scandir = Path.read_bytes, os.scandir

    def refuse(path: Path) -> bytes:
        if path.name == "eval_measurements.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    def refuse_folder(path: str) -> object:
        if str(path).endswith("hidden"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(os, "scandir", refuse_folder)
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [0]
    assert f"{folder}/eval_measurements.csv: cannot be read: Permission denied" in errors(ledger)
    assert f"{tmp_path}/hidden: cannot be read: Permission denied" in errors(ledger)


def test_a_file_that_is_too_large_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_trial(make_trial([0.2]), tmp_path)
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 10)
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].num_evaluations == 0
    assert any("more than 10 bytes" in error for error in errors(ledger))
