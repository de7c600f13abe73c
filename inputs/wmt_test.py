"""WMT from text files: small ones made here, also broken ones."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inputs import pipeline, wmt
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

WORDS = {
    "Hund": "dog",
    "Katze": "cat",
    "Haus": "house",
    "läuft": "runs",
    "groß": "big",
    "und": "and",
}


def sentences(count: int, seed: int) -> tuple[list[str], list[str]]:
    draw = random.Random(seed)
    chosen = [draw.choices(list(WORDS), k=draw.randint(1, 5)) for _ in range(count)]
    return [" ".join(c) + "." for c in chosen], [
        " ".join(WORDS[w] for w in c) + "." for c in chosen
    ]


def write(raw: Path, name: str, german: list[str], english: list[str]) -> None:
    raw.mkdir(exist_ok=True)
    for language, lines in (("de", german), ("en", english)):
        (raw / f"{name}.{language}").write_text("".join(f"{x}\n" for x in lines), "utf-8")


@pytest.fixture(scope="module")
def workload() -> Workload:
    result = Workload()
    result.CopyFrom(loading.load_workload("wmt"))
    result.model.transformer_mt.vocabulary_size = 34
    result.model.transformer_mt.max_length = 32
    result.dataset.wmt.ClearField("train_files")
    result.dataset.wmt.train_files.extend(["a", "b"])
    result.dataset.wmt.pairs_per_group = 16
    result.eval_batch_size = 8
    for split, size in (("train", 80), ("eval_train", 8), ("validation", 10), ("test", 10)):
        setattr(result.splits, split, size)
    return result


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write(folder, "a", *sentences(60, 1))
    write(folder, "b", *sentences(20, 2))
    german, english = sentences(10, 3)
    german[4] = ""
    english[7] = "house " * 40
    write(folder, "newstest2013", german, english)
    write(folder, "newstest2014", *sentences(10, 4))
    return folder


@pytest.fixture(scope="module")
def folder(
    raw: Path, workload: Workload, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("data")
    wmt.prepare_for(workload, raw, root / "wmt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TANDEM_DATA", str(root))
        yield root / "wmt"


def test_training_rows_hold_the_text(folder: Path, workload: Workload, raw: Path) -> None:
    source = wmt.open_source(workload)
    rows = source.batch("train", np.arange(source.num_examples("train")), None)
    found = []
    for row, segments in zip(rows["targets"], rows["targets_segmentation"], strict=True):
        found += [source.text(row[segments == k].tolist()) for k in range(1, segments.max() + 1)]
    expected = [pair[1] for pair in wmt.text_pairs(raw, ["a", "b"])]
    assert found == expected
    assert source.num_examples("train_pairs") == 80


def test_evaluation_pads_and_leaves_long_pairs_out(folder: Path, workload: Workload) -> None:
    source = wmt.open_source(workload)
    assert source.num_examples("validation") == 9 and source.num_examples("test") == 10
    batches = list(pipeline.eval_batches(workload, "validation"))
    assert [batch["inputs"].shape for batch in batches] == [(8, 32)] * 2
    assert [int(batch["weights"].any(1).sum()) for batch in batches] == [8, 1]
    assert batches[0]["inputs"][4].tolist() == [2] + [0] * 31  # the empty line: its end alone
    subset = next(pipeline.eval_batches(workload, "eval_train"))
    assert "inputs_position" not in subset and subset["weights"].any(1).all()


def test_every_part_is_reported(folder: Path) -> None:
    parts = {part.name: part for part in wmt.check(folder)}
    assert {part.state for part in parts.values()} == {"ready"}
    assert parts["train"].count == 80 and parts["validation"].count == 9
    assert {part.state for part in wmt.check(folder / "nothing")} == {"missing"}


def test_a_truncated_file_is_found_and_made_anew(
    folder: Path, workload: Workload, raw: Path
) -> None:
    path = folder / "test" / "targets_tokens.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    [part] = [part for part in wmt.check(folder) if part.state != "ready"]
    assert part.name == "test" and part.state == "partial" and part.detail
    with pytest.raises(SpecError, match="test is partial"):
        wmt.open_source(workload)
    before = (folder / "train" / "rows.npy").stat().st_mtime_ns
    wmt.prepare_for(workload, raw, folder)
    assert path.read_bytes() == whole
    assert (folder / "train" / "rows.npy").stat().st_mtime_ns == before


def test_files_of_unequal_length_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", ["eins", "zwei"], ["one", "two", "three"])
    with pytest.raises(SpecError, match=r"a\.de has 2 lines and .*a\.en 3"):
        list(wmt.text_pairs(tmp_path, ["a"]))


def test_other_encodings_and_missing_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, "a", ["eins", "zwei"], ["one", "two"])
    (tmp_path / "a.de").write_bytes("eins\ngroß\n".encode("latin-1"))
    with pytest.raises(SpecError, match=r"a\.de:2: no UTF-8"):
        list(wmt.text_pairs(tmp_path, ["a"]))
    with pytest.raises(SpecError, match=r"b\.de is missing"):
        list(wmt.text_pairs(tmp_path, ["b"]))


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    write(tmp_path, "a", ["ein\u2028s", "", "drei\r"], ["one", "", "three"])
    assert list(wmt.text_pairs(tmp_path, ["a"])) == [
        ("ein\u2028s", "one"),
        ("", ""),
        ("drei", "three"),
    ]


def test_the_vocabulary_sees_the_first_characters_alone() -> None:
    assert list(wmt.up_to(["abc", "de", "f", "g"], 5)) == ["abc", "de"]
    assert list(wmt.up_to(["abc", "de"], 100)) == ["abc", "de"]


def test_too_little_text_for_a_vocabulary_is_said(tmp_path: Path) -> None:
    path = tmp_path / wmt.VOCABULARY
    with pytest.raises(SpecError, match="no vocabulary of 1000 pieces"):
        wmt.learn_vocabulary(iter(["ab", "cd"]), 1000, path)
    assert not list(tmp_path.iterdir())
