"""LibriSpeech from small trees in the published form, whole and broken."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from inputs import librispeech, pipeline
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Librispeech as Message
from spec.workload_pb2 import Workload

TEXTS = ("THE CAT SAT ON THE MAT", "A DOG DON'T SIT", "HELLO BIG WORLD OF CATS", "NO")
PARTS = {"train": ["train-a", "train-b"], "validation": ["dev-a"], "test": ["test-a"]}
CHAPTERS = (("12", "7"), ("12", "9"), ("3", "1"))  # (speaker, chapter), two utterances each
LENGTHS = (1200, 2000)  # samples


def options() -> Message:
    message = Message(max_samples=2000, max_characters=30, num_pieces=27, tokenizer_characters=9999)
    for split, names in PARTS.items():
        for name in names:
            getattr(message, split).add(name=name, num_utterances=6)
    return message


def workload() -> Workload:
    result = Workload()
    result.CopyFrom(loading.load_workload("librispeech_deepspeech"))
    result.dataset.librispeech.CopyFrom(options())
    result.model.deepspeech.num_samples = 2000
    result.model.deepspeech.num_tokens = 32
    result.splits.train, result.splits.validation, result.splits.test = 12, 6, 6
    result.splits.eval_train = result.eval_batch_size = 4
    return result


def audio(seed: int, size: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-(2**15), 2**15, size).astype(np.int16)


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(librispeech, "_options", options)
    for part in (name for names in PARTS.values() for name in names):
        for place, (speaker, chapter) in enumerate(CHAPTERS):
            folder = tmp_path / "LibriSpeech" / part / speaker / chapter
            folder.mkdir(parents=True)
            lines = []
            for number, size in enumerate(LENGTHS):
                name = f"{speaker}-{chapter}-{number:04}"
                soundfile.write(folder / f"{name}.flac", audio(place * 2 + number, size), 16_000)
                lines.append(f"{name} {TEXTS[(place + number) % len(TEXTS)]}\n")
            (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    return tmp_path


def chapter(raw: Path) -> Path:
    return raw / "LibriSpeech" / "dev-a" / "12" / "9"


def test_batches_have_the_audio_and_the_words(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    librispeech.prepare(raw, folder)
    source = librispeech.Librispeech(workload(), folder)
    batch = source.batch("validation", np.array([3, 4]), None)
    samples, paddings = batch["inputs"]
    assert samples.dtype == paddings.dtype == np.float32 and samples.shape == (2, 2000)
    np.testing.assert_array_equal(samples[0], audio(3, 2000))  # the second of the second chapter
    np.testing.assert_array_equal(samples[1, :1200], audio(4, 1200))
    assert (samples[1, 1200:] == 0).all()
    np.testing.assert_array_equal(paddings.sum(1), [0, 800])
    tokens, token_paddings = batch["targets"]
    lengths = (1 - token_paddings).sum(1).astype(int)
    assert [row[n - 1] for row, n in zip(tokens, lengths, strict=True)] == [2, 2]
    texts = [source.text(row[:n].tolist()) for row, n in zip(tokens, lengths, strict=True)]
    assert texts == [TEXTS[2], TEXTS[2]]
    assert source.text([0]) == " \u2047 "


def test_parts_follow_each_other_and_every_file_is_ready(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    librispeech.prepare(raw, folder)
    source = librispeech.Librispeech(workload(), folder)
    assert [source.num_examples(split) for split in PARTS] == [12, 6, 6]
    first, second = (source.batch("train", np.array([i]), None)["inputs"][0] for i in (0, 6))
    np.testing.assert_array_equal(first, second)
    parts = librispeech.check(folder)
    assert {part.state for part in parts} == {"ready"}
    assert [(part.count, part.expected) for part in parts] == [(1, 1)] + 4 * [(6, 6)]


def test_a_second_call_goes_on_where_the_first_stopped(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    librispeech.prepare(raw, folder)
    kept = (folder / "dev-a" / "3.npy").stat().st_mtime_ns
    (folder / "dev-a" / "12.json").unlink()
    found = {part.name: part.state for part in librispeech.check(folder)}
    assert (found["dev-a"], found["test-a"]) == ("partial", "ready")
    librispeech.prepare(raw, folder)
    assert {part.state for part in librispeech.check(folder)} == {"ready"}
    assert (folder / "dev-a" / "3.npy").stat().st_mtime_ns == kept


def test_too_long_utterances_are_left_out_and_counted(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    path = chapter(raw)
    soundfile.write(path / "12-9-0000.flac", audio(0, 2001), 16_000)
    lines = f"12-9-0000 A CAT\n12-9-0001 {'CAT ' * 8}\n"
    (path / "12-9.trans.txt").write_text(lines)
    librispeech.prepare(raw, folder)
    listed = json.loads((folder / "dev-a" / "12.json").read_text())
    assert listed["num_left_out"] == 2 and len(listed["utterances"]) == 2
    assert all(part.state == "ready" for part in librispeech.check(folder))
    with pytest.raises(SpecError, match="4 utterances of split validation, expected 6"):
        librispeech.Librispeech(workload(), folder)


def truncate(path: Path) -> None:
    file = path / "12-9-0001.flac"
    file.write_bytes(file.read_bytes()[:-700])


def forget_transcript(path: Path) -> None:
    (path / "12-9.trans.txt").write_text("12-9-0000 A CAT\n")


def empty_transcript(path: Path) -> None:
    (path / "12-9.trans.txt").write_text("12-9-0000 A CAT\n12-9-0001 \n")


BREAKAGES = {
    "truncated FLAC": (truncate, "12-9-0001.flac"),
    "text for FLAC": (lambda path: (path / "12-9-0001.flac").write_text("no"), "cannot be decoded"),
    "another rate": (
        lambda path: soundfile.write(path / "12-9-0001.flac", audio(0, 9), 8000),
        "1 channels at 8000 Hz, expected 1 at 16000",
    ),
    "no FLAC": (lambda path: (path / "12-9-0001.flac").unlink(), "12-9-0001 has no FLAC file"),
    "no transcript": (forget_transcript, "12-9-0001 has no transcript"),
    "empty transcript": (empty_transcript, "12-9-0001 has an empty transcript"),
    "no transcripts": (lambda path: (path / "12-9.trans.txt").unlink(), r"no file 12-9\.trans"),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_tree_is_named_and_nothing_is_ready(
    breakage: str, raw: Path, tmp_path: Path
) -> None:
    break_it, message = BREAKAGES[breakage]
    break_it(chapter(raw))
    with pytest.raises(ValueError, match=message):
        librispeech.prepare(raw, tmp_path / "prepared")
    states = {part.name: part.state for part in librispeech.check(tmp_path / "prepared")}
    assert states["dev-a"] != "ready"
    assert not (tmp_path / "prepared" / "dev-a" / "12.json").exists()


def test_a_missing_part_is_named(raw: Path, tmp_path: Path) -> None:
    (raw / "LibriSpeech" / "test-a").rename(raw / "LibriSpeech" / "test-b")
    with pytest.raises(ValueError, match="no folder test-a"):
        librispeech.prepare(raw, tmp_path / "prepared")
    assert [part.state for part in librispeech.check(tmp_path / "none")] == 5 * ["missing"]


def test_lost_audio_is_seen(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    librispeech.prepare(raw, folder)
    np.save(folder / "test-a" / "3.npy", np.zeros(5, np.int16))
    part = librispeech.check(folder)[-1]
    assert part.state == "partial" and "expected 3200" in part.detail


def test_unprepared_data_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_DATA", str(tmp_path))
    with pytest.raises(SpecError, match="tandem data check librispeech"):
        pipeline.open_source(workload())


def test_both_families_read_the_same_data() -> None:
    first, second = (
        loading.load_workload(f"librispeech_{name}") for name in ("conformer", "deepspeech")
    )
    assert first.dataset == second.dataset and first.splits == second.splits
    assert first.model.conformer.num_samples == first.dataset.librispeech.max_samples
    assert first.model.conformer.vocabulary_size == first.dataset.librispeech.num_pieces
