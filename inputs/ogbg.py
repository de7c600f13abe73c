"""Source `ogbg`: the molecules of ogbg-molpcba, from the files of its published archive.

`prepare` reads the folder that the archive unpacks to, with `raw/*.csv.gz` and
`split/scaffold/*.csv.gz`, and writes one array a file, as small as its numbers allow. Training maps
these into memory.
"""

import gzip
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from inputs.graphs import UNKNOWN, Graphs, GraphSource
from inputs.storage import Part, data_folder, unprepared, write_array
from spec import loading
from spec.files import write_text
from spec.loading import SpecError
from spec.workload_pb2 import Workload

NAME = "ogbg"
SPLITS = {"train": "train", "validation": "valid", "test": "test"}  # ours -> the files' names
ARRAYS = ("num_nodes", "num_edges", "nodes", "edges", "ends", "labels")  # fields of Graphs
INDEX = "index.json"  # written last: SHA-256 and length of every array


def open_source(workload: Workload) -> GraphSource:
    """The prepared molecules.

    Raises:
      SpecError: they are not there, incomplete, or do not fit the workload's model.
    """
    folder = data_folder(NAME)
    index = _read_index(folder)
    if not index:
        raise unprepared(NAME, f"no readable {INDEX}")
    for name, entry in index["arrays"].items():
        if not _is_whole(folder, name, entry):
            raise unprepared(NAME, f"{name}.npy is missing or was cut off")
    arrays = {name: np.load(_path(folder, name), mmap_mode="r") for name in index["arrays"]}
    graphs = Graphs(**{name: arrays[name] for name in ARRAYS})
    splits = {name: np.asarray(arrays[name]) for name in SPLITS}
    config = workload.model.gnn
    found = graphs.nodes.shape[1], graphs.edges.shape[1], graphs.labels.shape[1]
    expected = config.num_node_features, config.num_edge_features, config.num_tasks
    if found != expected:
        raise SpecError(
            f"{folder}: {found} features of nodes, features of edges and labels, expected "
            f"{expected} by workload {workload.name}"
        )
    for name, numbers in splits.items():
        if len(numbers) < getattr(workload.splits, name):
            raise SpecError(
                f"{folder}: {len(numbers)} molecules in split {name}, expected "
                f"{getattr(workload.splits, name)} by workload {workload.name}"
            )
    return GraphSource(graphs, splits, workload.dataset.ogbg.packing, index["sha256"])


def prepare(raw: Path, folder: Path) -> None:
    """Makes the arrays from the unpacked archive `raw`. Does nothing where they are whole already.

    Raises:
      SpecError: a file is missing, damaged, or does not fit the others; the text names it.
    """
    if all(part.state == "ready" for part in check(folder)):
        return
    (folder / INDEX).unlink(missing_ok=True)
    entries: dict[str, Any] = {}
    for name, array in _read_raw(raw).items():
        write_array(_path(folder, name), array)
        size = _path(folder, name).stat().st_size
        entries[name] = {"count": len(array), "bytes": size, "sha256": _sha256(array)}
    digests = "".join(entry["sha256"] for entry in entries.values())
    index = {"sha256": hashlib.sha256(digests.encode()).hexdigest(), "arrays": entries}
    write_text(folder / INDEX, json.dumps(index, indent=1))


def check(folder: Path) -> list[Part]:
    """A part for the molecules themselves and one for each split. Reads sizes only."""
    splits = loading.load_workload(NAME).splits
    expected = {name: getattr(splits, name) for name in SPLITS}
    index = _read_index(folder)
    return [
        _part(folder, index, "molecules", ARRAYS, sum(expected.values())),
        *(_part(folder, index, name, (name,), number) for name, number in expected.items()),
    ]


def _part(
    folder: Path, index: dict[str, Any], name: str, arrays: tuple[str, ...], expected: int
) -> Part:
    paths = [_path(folder, array) for array in arrays]
    num_bytes = sum(path.stat().st_size for path in paths if path.exists())
    if not index:
        state = "partial" if num_bytes else "missing"
        return Part(name, state, 0, expected, num_bytes, f"no readable {folder / INDEX}")
    broken = [a for a in arrays if not _is_whole(folder, a, index["arrays"][a])]
    if broken:
        detail = f"{_path(folder, broken[0])} is missing or was cut off"
        return Part(name, "partial", 0, expected, num_bytes, detail)
    count = index["arrays"][arrays[0]]["count"]
    if count != expected:
        detail = f"{count} molecules, expected {expected}"
        return Part(name, "partial", count, expected, num_bytes, detail)
    return Part(name, "ready", count, expected, num_bytes)


def _read_raw(raw: Path) -> dict[str, np.ndarray]:
    """The arrays of Graphs and of the splits."""
    num_nodes = _table(raw / "raw/num-node-list.csv.gz", np.uint16)[:, 0]
    num_edges = _table(raw / "raw/num-edge-list.csv.gz", np.uint16)[:, 0]
    nodes = _table(raw / "raw/node-feat.csv.gz", np.uint8)
    edges = _table(raw / "raw/edge-feat.csv.gz", np.uint8)
    ends = _table(raw / "raw/edge.csv.gz", np.uint16)
    labels = _table(raw / "raw/graph-label.csv.gz", np.int8, unknown=UNKNOWN)
    for name, found, expected in [
        ("num-edge-list", len(num_edges), len(num_nodes)),
        ("graph-label", len(labels), len(num_nodes)),
        ("node-feat", len(nodes), int(num_nodes.sum(dtype=np.int64))),
        ("edge-feat", len(edges), int(num_edges.sum(dtype=np.int64))),
        ("edge", len(ends), int(num_edges.sum(dtype=np.int64))),
    ]:
        if found != expected:
            path = raw / f"raw/{name}.csv.gz"
            raise SpecError(
                f"{path}: {found} rows, expected {expected} by the numbers of nodes and edges"
            )
    outside = (ends >= np.repeat(num_nodes, num_edges)[:, None]).any(1)
    if outside.any():
        row = int(outside.argmax())
        raise SpecError(
            f"{raw / 'raw/edge.csv.gz'}: row {row} names nodes {ends[row].tolist()}, which its molecule does not have"
        )
    if labels.max(initial=0) > 1 or labels.min(initial=0) < UNKNOWN:
        raise SpecError(f"{raw / 'raw/graph-label.csv.gz'}: a label is neither 0, 1 nor empty")
    arrays = {
        "num_nodes": num_nodes,
        "num_edges": num_edges,
        "nodes": nodes,
        "edges": edges,
        "ends": ends,
        "labels": labels,
    }
    return arrays | _read_splits(raw, len(num_nodes))


def _read_splits(raw: Path, num_molecules: int) -> dict[str, np.ndarray]:
    splits = {}
    seen = np.zeros(num_molecules, bool)
    for name, file in SPLITS.items():
        path = raw / f"split/scaffold/{file}.csv.gz"
        numbers = _table(path, np.int64)[:, 0]
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= num_molecules):
            raise SpecError(f"{path}: names molecules that are not among the {num_molecules}")
        if seen[numbers].any() or len(np.unique(numbers)) < len(numbers):
            raise SpecError(f"{path}: a molecule is in two splits, or twice in one")
        seen[numbers] = True
        splits[name] = numbers
    return splits


def _table(path: Path, dtype: Any, unknown: int | None = None) -> np.ndarray:
    """The numbers of a compressed table without header, [rows, columns]. `unknown` stands for empty
    cells and `nan`, which are errors without it.
    """
    import polars

    try:
        text = gzip.decompress(path.read_bytes())
        if not text:
            raise EOFError("it is empty")
        num_columns = text.partition(b"\n")[0].count(b",") + 1
        schema = {str(column): polars.Float64 for column in range(num_columns)}
        table = polars.read_csv(text, has_header=False, schema=schema)
        numbers = table.to_numpy()
    except (OSError, EOFError, zlib.error, polars.exceptions.PolarsError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from error
    if unknown is not None:
        numbers = np.where(np.isnan(numbers), unknown, numbers)
    limits = np.iinfo(dtype)
    fits = (numbers >= limits.min) & (numbers <= limits.max) & (numbers == np.floor(numbers))
    if not fits.all():
        row = int((~fits).any(1).argmax())
        raise SpecError(
            f"{path}: row {row} has a number that is missing or does not fit {limits.dtype}"
        )
    return numbers.astype(dtype)


def _read_index(folder: Path) -> dict[str, Any]:
    """The index; empty where there is none that can be used."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        whole = all({"count", "bytes"} <= index["arrays"][a].keys() for a in (*ARRAYS, *SPLITS))
        return index if whole and index["sha256"] else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_whole(folder: Path, name: str, entry: dict[str, Any]) -> bool:
    path = _path(folder, name)
    return path.exists() and path.stat().st_size == entry["bytes"]


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
