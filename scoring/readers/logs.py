"""Find and read all logs at some places, whatever their format."""

import collections
import concurrent.futures
import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from scoring.merging import merge
from scoring.readers import events, official, tidy
from scoring.readers.files import Folder, decompressed, folders
from scoring.records import Ledger, only_made_for

MAX_AHEAD = 8  # tables that are decompressed before they are read

T = TypeVar("T")
R = TypeVar("R")


def read_logs(places: Iterable[Path], made_for: tuple[str, str] | None = None) -> Ledger:
    """Reads run folders, official log folders, tidy csv files and archives of them, mixed.

    The result does not depend on the order of places, files or trials.

    Args:
      places: Files and folders.
      made_for: Version and tuning, for example ("v0.5", "external"); logs that say that they were
        made for another ruleset are left out if there are any of this one.
    """
    found = collect(places)
    return merge(found if made_for is None else only_made_for(found, *made_for))


def collect(places: Iterable[Path]) -> Ledger:
    """All trials as found, of whatever ruleset: copies, re-runs and namesakes are not told apart."""
    ledger = Ledger()
    tables: list[tuple[Folder, str]] = []
    for place in sorted(set(map(_whole, places))):
        if not os.path.exists(place):  # False too where a folder above cannot be read
            ledger.error(str(place), "does not exist")
            continue
        for folder in folders(place, ledger):
            _read_folder(folder, ledger, tables)
    _read_tables(tables, ledger)
    return ledger


def _whole(place: Path) -> Path:
    """A file of an official trial stands for its folder: the others say what it does not."""
    is_part = os.path.isfile(place) and not os.path.islink(place)
    return place.parent if is_part and official.is_trial(place.resolve().parent) else place


def _read_folder(folder: Folder, ledger: Ledger, tables: list[tuple[Folder, str]]) -> None:
    """Reads the log in a folder, and finds the csv files that may be tables."""
    if events.FILE in folder.files:
        events.read_trial(folder, ledger)
        return
    if official.is_stray(folder.path):
        place = folder.origin.rpartition("/")[0]
        ledger.note(place, "ignored: trials outside of a folder <workload>_<jax|pytorch>")
        return
    names = [name for name in folder.files if name.endswith((".csv", ".csv.xz"))]
    if official.is_trial(folder.path):
        official.read_trial(folder, ledger)
        names = [name for name in names if name not in official.CSV_FILES]
    tables += [(folder, name) for name in names]


def _ahead(
    pool: concurrent.futures.Executor, function: Callable[[T], R], arguments: Iterable[T]
) -> Iterator[R]:
    """The results in order, of which at most a few wait to be taken."""
    waiting: collections.deque[concurrent.futures.Future[R]] = collections.deque()
    for argument in arguments:
        waiting.append(pool.submit(function, argument))
        if len(waiting) > MAX_AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _read_tables(tables: list[tuple[Folder, str]], ledger: Ledger) -> None:
    """Reads tidy tables. Decompression, most of the work, runs on all processors."""
    rows: list[tidy.Row] = []
    evaluations: dict[tidy.Made, str] = {}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        if any(name.endswith(".xz") for _, name in tables):  # mostly large: read by polars
            pool.submit(importlib.import_module, "polars")  # decompression need not wait for it
        for (folder, name), data in _ahead(pool, lambda t: (t, decompressed(*t, ledger)), tables):
            if data is None:
                continue
            origin = f"{folder.origin}/{name}"
            kind = tidy.kind(data)
            if kind == "evals":
                stem = name.partition(".csv")[0]
                evaluations[tidy.read_evaluations(data, stem, origin, ledger)] = origin
            elif kind == "trials":
                rows += tidy.read_trials(data, origin, ledger)
            elif tidy.claims_to_be_one(name, data):
                what = (
                    "is no table of evaluations or trials: not fetched, empty, or without a column"
                )
                ledger.error(origin, f"{what} it needs", 1)
            elif name in official.EVALUATIONS or official.holds_evaluations(data):
                ledger.error(origin, f"is not read: evaluations, expected as {official.LAYOUT}", 1)
            else:
                ledger.note(origin, "ignored: a csv that is no table of evaluations or trials")
    tidy.join(rows, evaluations, ledger)
