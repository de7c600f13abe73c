"""Level `official`: both backends against golden vectors, which were measured on the official
implementation.

    tandem conform --golden DIR

Each file is answered by one process of each backend, one after the other: the largest table of
embeddings takes several gigabytes in each.
"""

import fnmatch
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance import comparison, processes, runner
from conformance.arrays import Arrays
from conformance.golden import vectors as golden_vectors
from conformance.golden.vectors import Summary, Vectors
from spec import loading
from spec.conformance_pb2 import OFFICIAL, GoldenBounds, Level, Measurement, WorkloadReport
from spec.loading import SpecError

BOUNDS = Path(__file__).with_name("bounds.textproto")
FLOAT64 = "float64"
SHOWN = 5  # failures printed for each file and backend, worst first


def files(folder: Path, patterns: Sequence[str] = ("*",)) -> list[Path]:
    """The vector files in a folder, or in its `vectors`, whose name fits one of the shell patterns;
    SpecError if there is none.
    """
    inner = folder / "vectors"
    found = sorted((inner if inner.is_dir() else folder).glob("*.json"))
    chosen = [path for path in found if any(fnmatch.fnmatchcase(path.stem, p) for p in patterns)]
    if not chosen:
        names = " or ".join(map(repr, patterns))
        raise SpecError(f"{folder}: no file of golden vectors has a name like {names}")
    return chosen


def run(path: Path, *, float64: bool = False) -> Iterator[WorkloadReport]:
    """A report for each backend on one file; with `float64` also for PyTorch in that type, which says
    how far the golden numbers are from what is right.
    """
    for title in [*processes.BACKENDS, *([f"pytorch {FLOAT64}"] if float64 else [])]:
        start = time.monotonic()
        report = WorkloadReport(workload=path.stem, backends=[title])
        try:
            vectors = golden_vectors.read(path)
            report.measurements.extend(compare(vectors, _ask(title, path)))
        except (SpecError, processes.TesteeError) as error:
            report.not_run[Level.Name(OFFICIAL)] = str(error)
        report.wall_sec = time.monotonic() - start
        yield report


def _ask(title: str, path: Path) -> Arrays:
    backend, _, dtype = title.partition(" ")
    with processes.running([backend], optimized=True) as [testee]:
        return testee.ask("golden", file=str(path.resolve()), float64=dtype == FLOAT64)


def compare(vectors: Vectors, answer: Arrays) -> list[Measurement]:
    """Measures every quantity that the file or the backend has; one that only one has fails."""
    golden = dict(golden_vectors.expected(vectors))
    bounds = loading.checked(loading.read_message(BOUNDS, GoldenBounds), BOUNDS)
    typical = _root_mean_square([g for name, g in golden.items() if name.startswith("gradient/")])
    result = []
    for quantity in [*golden, *(name for name in answer if name not in golden)]:
        bound = comparison.bound_of(bounds, OFFICIAL, f"{vectors.name}/{quantity}")
        m = Measurement(level=OFFICIAL, quantity=quantity, bound=bound.bound, error=math.inf)
        expected = golden.get(quantity)
        if expected is None:
            m.detail = "nothing to compare with: the file does not have it in a known form"
        elif quantity not in answer:
            m.detail = "the backend does not have it"
        else:
            found = golden_vectors.from_array(answer[quantity])
            floor = bound.floor * typical * math.sqrt(expected.size)
            m.error = golden_vectors.error(found, expected, floor)
            m.passed = m.error <= m.bound
            if not m.passed:
                m.detail = _difference(found, expected)
        result.append(m)
    return result


def _root_mean_square(summaries: Sequence[Summary | None]) -> float:
    known = [s for s in summaries if s is not None]
    size = sum(s.size for s in known)
    return math.sqrt(sum(s.norm**2 for s in known) / size) if size else 0.0


def lines(reports: Sequence[WorkloadReport]) -> Iterator[str]:
    """One line per quantity of a file with the error of each backend, then one per failure.

    All entries of one loss stand in one line by their worst, and so do all parameters, all inputs,
    all gradients and all statistics.
    """
    groups: dict[str, dict[str, Measurement]] = {}
    for report in reports:
        for m in report.measurements:
            kind, *rest = m.quantity.split("/")
            group = f"{kind}/{rest[0]}" if kind in ("eval", "train") else kind
            worst = groups.setdefault(group, {})
            backend = report.backends[0]
            if backend not in worst or _relative(m) > _relative(worst[backend]):
                worst[backend] = m
    for group, worst in groups.items():
        cells = [f"{backend} {_cell(m)}" for backend, m in worst.items()]
        bound = next(iter(worst.values())).bound
        yield f"{reports[0].workload:28} {group:36} {'  '.join(cells)}  bound {bound:.0e}"
    for report in reports:
        failed = sorted((m for m in report.measurements if not m.passed), key=_relative)[::-1]
        for m in failed[:SHOWN]:
            yield f"FAIL {report.backends[0]} {runner.failure_line(report.workload, m)}"
        if len(failed) > SHOWN:
            yield f"FAIL {report.backends[0]} and {len(failed) - SHOWN} more; --json FILE has all"
        for reason in report.not_run.values():
            cause = reason.strip().splitlines()[-1]
            yield f"FAIL {report.backends[0]} {report.workload} could not be compared: {cause}"


def _difference(found: Summary, golden: Summary) -> str:
    if found.shape != golden.shape:
        return f"shape {list(found.shape)}, expected {list(golden.shape)}"
    pairs = {
        "sum": (found.total, golden.total),
        "norm": (found.norm, golden.norm),
        "first": (found.first[0], golden.first[0]),
    }
    return "; ".join(f"{name} {a:.9g}, expected {b:.9g}" for name, (a, b) in pairs.items())


def _cell(m: Measurement) -> str:
    return f"{m.error:.1e}" + ("" if m.passed else " FAIL")


def _relative(m: Measurement) -> float:
    return m.error / m.bound
