"""The reader of ogbg-molpcba on small archives in the published format, whole and broken."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from inputs import ogbg, pipeline
from inputs.storage import VARIABLE
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

MOLECULES = 12
LABELS = 128
# Molecule 0 has 2 atoms and a bond, molecule 1 has 3 and two, and so on.
NUM_NODES = [2 + number % 4 for number in range(MOLECULES)]


def write(path: Path, rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(",".join(map(str, row)) for row in rows) + "\n"
    path.write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Chains of atoms; features count rows; every third label is empty, the rest alternate."""
    folder = tmp_path / "pcba"
    tables: dict[str, list[list[object]]] = {
        "num-node-list": [[n] for n in NUM_NODES],
        "num-edge-list": [[n - 1] for n in NUM_NODES],
        "node-feat": [[row % 100 + column for column in range(9)] for row in range(sum(NUM_NODES))],
        "edge-feat": [[row % 5, 1, 0] for row in range(sum(NUM_NODES) - MOLECULES)],
        "edge": [[i, i + 1] for n in NUM_NODES for i in range(n - 1)],
        "graph-label": [
            ["" if (g + t) % 3 == 0 else f"{(g + t) % 2}.0" for t in range(LABELS)]
            for g in range(MOLECULES)
        ],
    }
    for name, rows in tables.items():
        write(folder / f"raw/{name}.csv.gz", rows)
    for name, numbers in {"train": range(2, 10), "valid": [11, 0], "test": [1, 10]}.items():
        write(folder / f"split/scaffold/{name}.csv.gz", [[number] for number in numbers])
    return folder


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workload:
    """ogbg, on as few molecules as there are."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "data"))
    small = Workload()
    small.CopyFrom(loading.load_workload("ogbg"))
    small.splits.train, small.splits.eval_train = 8, 4
    small.splits.validation = small.splits.test = 2
    small.eval_batch_size = 8
    return small


def test_molecules_come_back_as_they_were_published(
    raw: Path, tmp_path: Path, workload: Workload
) -> None:
    ogbg.prepare(raw, tmp_path / "data/ogbg")
    source = ogbg.open_source(workload)
    assert [source.num_examples(split) for split in ogbg.SPLITS] == [8, 2, 2]
    indices = np.full((2, 2), -1)
    indices[0] = 0, 1
    batch = source.batch("validation", indices, None)  # molecules 11 and 0: 5 atoms, 2 atoms
    inputs = batch["inputs"]
    assert inputs["n_node"].tolist() == [[5, 2, 2 * 26 + 1 - 7], [53, 0, 0]]
    assert inputs["n_edge"].tolist() == [[8, 2, 2 * 56 - 10], [112, 0, 0]]
    first = sum(NUM_NODES[:11])
    np.testing.assert_array_equal(inputs["nodes"][0, :5, 0], np.arange(first, first + 5) % 100)
    np.testing.assert_array_equal(inputs["nodes"][0, 5:7, 0], [0, 1])
    assert not inputs["nodes"][0, 7:].any()
    assert inputs["senders"][0, :11].tolist() == [0, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7]
    assert inputs["receivers"][0, :11].tolist() == [1, 2, 3, 4, 0, 1, 2, 3, 6, 5, 7]
    np.testing.assert_array_equal(inputs["edges"][0, :4], inputs["edges"][0, 4:8])
    known = (11 + np.arange(LABELS)) % 3 != 0
    np.testing.assert_array_equal(batch["weights"][0, 0], known)
    np.testing.assert_array_equal(batch["targets"][0, 0], known * ((11 + np.arange(LABELS)) % 2))
    assert not batch["weights"][0, 2].any() and not batch["weights"][1].any()


def test_an_evaluation_sees_every_molecule_once(
    raw: Path, tmp_path: Path, workload: Workload
) -> None:
    ogbg.prepare(raw, tmp_path / "data/ogbg")
    for split in ("eval_train", "validation", "test"):
        batches = list(pipeline.eval_batches(workload, split))
        seen = sum(int((batch["weights"].any(-1)).sum()) for batch in batches)
        assert seen == getattr(workload.splits, split)


def test_a_second_call_mends_what_is_broken(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    ogbg.prepare(raw, folder)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert first.keys() == {ogbg.INDEX, *(f"{name}.npy" for name in (*ogbg.ARRAYS, *ogbg.SPLITS))}
    (folder / "ends.npy").unlink()
    ogbg.prepare(raw, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_what_is_there_is_told(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert {part.state for part in ogbg.check(folder)} == {"missing"}
    ogbg.prepare(raw, folder)
    molecules, train, *_ = ogbg.check(folder)
    assert (molecules.state, molecules.count, molecules.expected) == ("partial", 12, 437_929)
    assert (train.count, train.expected) == (8, 350_343)
    (folder / "nodes.npy").write_bytes(b"cut off")
    assert "nodes.npy" in ogbg.check(folder)[0].detail
    (folder / ogbg.INDEX).write_text("{}")
    assert {part.state for part in ogbg.check(folder)} == {"partial"}


def test_files_that_were_cut_off_are_not_opened(
    raw: Path, tmp_path: Path, workload: Workload
) -> None:
    with pytest.raises(SpecError, match="ogbg is not prepared"):
        ogbg.open_source(workload)
    folder = tmp_path / "data/ogbg"
    ogbg.prepare(raw, folder)
    path = folder / "edges.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SpecError, match=r"edges\.npy is missing or was cut off"):
        ogbg.open_source(workload)
    ogbg.prepare(raw, folder)
    workload.splits.train = 9
    with pytest.raises(SpecError, match="8 molecules in split train, expected 9"):
        ogbg.open_source(workload)


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("raw/num-node-list", [[2]] * MOLECULES, r"node-feat\.csv\.gz: 42 rows, expected 24"),
        ("raw/num-edge-list", [[1]] * MOLECULES, "edge-feat"),
        ("raw/num-edge-list", [[1]], "num-edge-list.csv.gz: 1 rows, expected 12"),
        ("raw/graph-label", [[0.0] * LABELS], "graph-label.csv.gz: 1 rows, expected 12"),
        ("raw/graph-label", [[2.0] * LABELS] * MOLECULES, "neither 0, 1 nor empty"),
        ("raw/edge", [[0, 2]] * 30, r"row 0 names nodes \[0, 2\]"),
        ("raw/edge", [[0, 1.5]] * 30, "row 0 has a number that is missing or does not fit"),
        ("raw/edge", [[0, 1]] * 29 + [[0]], "row 29 has a number that is missing"),
        ("raw/node-feat", [[256] * 9] * 42, "does not fit uint8"),
        ("raw/node-feat", [["x"] * 9] * 42, "cannot be read"),
        ("split/scaffold/valid", [[11], [12]], "not among the 12"),
        ("split/scaffold/valid", [[11], [2]], "in two splits"),
        ("split/scaffold/test", [[1], [1]], "twice in one"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    raw: Path, tmp_path: Path, name: str, rows: list[list[object]], message: str
) -> None:
    write(raw / f"{name}.csv.gz", rows)
    with pytest.raises(SpecError, match=message):
        ogbg.prepare(raw, tmp_path / "out")
    assert {part.state for part in ogbg.check(tmp_path / "out")} == {"missing"}


@pytest.mark.parametrize("name", ["split/scaffold/test", "raw/edge", "raw/graph-label"])
def test_missing_and_damaged_files_are_refused(raw: Path, tmp_path: Path, name: str) -> None:
    path = raw / f"{name}.csv.gz"
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-6], b"no gzip", b""):
        path.write_bytes(damaged)
        with pytest.raises(SpecError, match=f"{path.name}: cannot be read"):
            ogbg.prepare(raw, tmp_path / "out")
    path.unlink()
    with pytest.raises(SpecError, match=f"{path.name}: cannot be read"):
        ogbg.prepare(raw, tmp_path / "out")


def test_a_label_may_be_written_nan(raw: Path, tmp_path: Path, workload: Workload) -> None:
    write(raw / "raw/graph-label.csv.gz", [["nan", *[1] * (LABELS - 1)]] * MOLECULES)
    ogbg.prepare(raw, tmp_path / "data/ogbg")
    batch = ogbg.open_source(workload).batch("test", np.array([[0]]), None)
    assert batch["weights"][0, 0].tolist() == [0, *[1] * (LABELS - 1)]
