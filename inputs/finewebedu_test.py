"""FineWeb-Edu from parquet files: small ones made here, also broken ones."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars
import pytest

from inputs import finewebedu, pipeline
from inputs.testing import write_vocabulary
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

END = 262


@pytest.fixture(scope="module")
def workload() -> Workload:
    result = Workload()
    result.CopyFrom(loading.load_workload("finewebedu_lm"))
    result.model.transformer_lm.sequence_length = 7
    result.dataset.finewebedu.end_token = END
    result.dataset.finewebedu.validation_fraction = 0.3
    result.eval_batch_size = 4
    for split, size in (("train", 20), ("eval_train", 6), ("validation", 6)):
        setattr(result.splits, split, size)
    return result


def write_documents(path: Path, documents: list[str]) -> None:
    polars.DataFrame({"id": range(len(documents)), "text": documents}).write_parquet(path)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_vocabulary(folder)
    for name in ("001", "000"):
        documents = [f"hello world number {i} of {name}" for i in range(20)]
        write_documents(folder / f"{name}.parquet", [*documents, ""])
    return folder


@pytest.fixture(scope="module")
def folder(
    raw: Path, workload: Workload, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("data")
    finewebedu.prepare_for(workload, raw, root / "finewebedu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TANDEM_DATA", str(root))
        yield root / "finewebedu"


def test_sequences_go_on_where_the_last_one_ends(folder: Path, workload: Workload) -> None:
    source = finewebedu.open_source(workload)
    batch = source.batch("train", np.arange(20), None)
    np.testing.assert_array_equal(batch["inputs"][:, 1:], batch["targets"][:, :-1])
    found = np.concatenate([batch["inputs"], batch["targets"][:, -1:]], 1).ravel()
    paths = finewebedu.token_files(folder, "train")
    assert [path.name for path in paths] == ["000.train.npy", "001.train.npy"]
    stream = np.concatenate([np.load(path) for path in paths])
    np.testing.assert_array_equal(found, stream[: 20 * 8])
    assert batch["inputs"].dtype == np.int32


def test_a_sequence_may_span_files(folder: Path) -> None:
    paths = finewebedu.token_files(folder, "train")
    first = len(np.load(paths[0]))
    stream, out = finewebedu.Stream(paths), np.empty(6, np.int32)
    stream.read(first - 2, out)
    expected = [*np.load(paths[0])[-2:], *np.load(paths[1])[:4]]
    assert out.tolist() == expected and out[1] == END


def test_every_document_is_in_one_split(folder: Path) -> None:
    ends = {
        split: sum(int((np.load(p) == END).sum()) for p in finewebedu.token_files(folder, split))
        for split in finewebedu.SPLITS
    }
    assert sum(ends.values()) == 40  # the empty documents are in none
    assert 4 <= ends["validation"] <= 20


def test_evaluation_batches_are_whole(folder: Path, workload: Workload) -> None:
    batches = list(pipeline.eval_batches(workload, "validation"))
    assert [int(batch["weights"].sum()) for batch in batches] == [28, 14]
    assert pipeline.eval_splits(workload) == ["eval_train", "validation"]


def test_what_is_missing_is_made_and_nothing_else(
    folder: Path, workload: Workload, raw: Path
) -> None:
    path, other = folder / "001.validation.npy", folder / "000.train.npy"
    whole, before = path.read_bytes(), other.stat().st_mtime_ns
    path.unlink()
    finewebedu.prepare_for(workload, raw, folder)
    assert path.read_bytes() == whole and other.stat().st_mtime_ns == before


def test_too_few_sequences_are_refused(folder: Path, workload: Workload, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"train has 0 sequences, .* needs 20"):
        finewebedu.FinewebEdu(workload, tmp_path)
    assert {part.state for part in finewebedu.check(tmp_path)} == {"missing"}
    parts = finewebedu.check(folder)  # short of the full data set
    assert {part.state for part in parts} == {"partial"} and parts[0].expected == 8_749_870


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_documents(path, ["text"] * 100)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SpecError, match=r"a\.parquet: not a parquet file"):
        finewebedu.read_documents(path)
    polars.DataFrame({"other": ["x"]}).write_parquet(path)
    with pytest.raises(SpecError, match=r"a\.parquet"):
        finewebedu.read_documents(path)
    with pytest.raises(SpecError, match="no parquet file"):
        finewebedu.prepare(tmp_path / "nothing", tmp_path)


def test_a_truncated_token_file_is_reported(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "000.train.npy").read_bytes()
    (tmp_path / "000.train.npy").write_bytes(whole[:-4])
    [part] = [part for part in finewebedu.check(tmp_path) if part.name == "train"]
    assert part.state == "partial" and part.detail
