"""Log files on disk and in tar archives, seen alike: folders of named files that can be read.

Archives are read in place. Nothing is unpacked to disk, links and special files are never followed.
"""

import dataclasses
import functools
import lzma
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from scoring.records import Ledger

ARCHIVE_ENDINGS = (".tar", ".tar.xz", ".tar.gz", ".tgz", ".tar.bz2")
LOG_FILES = re.compile(
    r"events\.jsonl|eval_measurements\.csv|measurements\.csv|hparams\.json"
    r"|(meta_data|flags)_\d+\.json|.*\.csv(\.xz)?"
)
MAX_FILE_BYTES = 256 * 2**20
MAX_ARCHIVE_BYTES = 4 * 2**30


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder that may hold a log. The names in `path` are what identifies official logs."""

    path: PurePosixPath
    origin: str
    files: Mapping[str, Callable[[], bytes]]


def folders(root: Path, ledger: Ledger) -> Iterator[Folder]:
    """All folders at and below a path; those of archives as if they were unpacked."""
    if root.is_file():
        yield from _of_file(root, ledger)
        return
    above = PurePosixPath(root.resolve().as_posix())
    for place, subfolders, names in os.walk(root):
        subfolders.sort()
        here = Path(place)
        plain = {
            name: functools.partial(_read, here / name)
            for name in sorted(names)
            if is_log_file(name) and _is_plain(here / name, ledger)
        }
        for name in subfolders:
            if (here / name).is_symlink():
                ledger.note(str(here / name), "not followed: a link to a folder")
        yield Folder(above / here.relative_to(root).as_posix(), place, plain)
        for name in sorted(names):
            if name.endswith(ARCHIVE_ENDINGS) and _is_plain(here / name, ledger):
                yield from _of_archive(here / name, ledger)


def is_log_file(name: str) -> bool:
    """Whether a file of this name may be part of a log."""
    return LOG_FILES.fullmatch(name) is not None


def decompressed(folder: Folder, name: str, ledger: Ledger) -> bytes | None:
    """The content of a file that may be .xz; None, and reported, where it is damaged."""
    data = folder.files[name]()
    if not name.endswith(".xz"):
        return data
    origin = f"{folder.origin}/{name}"
    try:
        decoder = lzma.LZMADecompressor()
        content = decoder.decompress(data, MAX_FILE_BYTES)
    except lzma.LZMAError as error:
        ledger.error(origin, f"is damaged: {error}")
        return None
    if not decoder.eof or decoder.unused_data:
        ledger.error(origin, f"ends early, or is not one stream of at most {MAX_FILE_BYTES} bytes")
        return None
    return content


def _is_plain(path: Path, ledger: Ledger) -> bool:
    """Whether there is something to read: no pipe, and no link to nothing."""
    is_plain = path.is_file()
    if not is_plain:
        ledger.error(str(path), "is no file that can be read, or a link to none")
    return is_plain


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _of_file(path: Path, ledger: Ledger) -> Iterator[Folder]:
    if path.name.endswith(ARCHIVE_ENDINGS):
        yield from _of_archive(path, ledger)
    elif is_log_file(path.name):
        files = {path.name: functools.partial(_read, path)}
        yield Folder(PurePosixPath(path.resolve().parent.as_posix()), str(path.parent), files)
    else:
        ledger.error(str(path), "is no log: expected events.jsonl, a csv, or an archive of logs")


def _of_archive(path: Path, ledger: Ledger) -> Iterator[Folder]:
    """Reads what may be part of a log into memory; an archive is read once, from front to back."""
    root = PurePosixPath(path.resolve().parent.as_posix()) / _stem(path.name)
    found: dict[PurePosixPath, dict[str, Callable[[], bytes]]] = {}
    total = 0
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                inside = PurePosixPath(member.name)
                if inside.is_absolute() or ".." in inside.parts:
                    ledger.error(f"{path}!{member.name}", "left out: a path out of the archive")
                elif member.isdir():
                    found.setdefault(root / inside, {})
                elif not is_log_file(inside.name):
                    continue
                elif not member.isfile():
                    ledger.error(f"{path}!{member.name}", "left out: a link or no plain file")
                else:
                    total += member.size
                    if member.size > MAX_FILE_BYTES or total > MAX_ARCHIVE_BYTES:
                        ledger.error(f"{path}!{member.name}", "left out: the archive is too large")
                        continue
                    stream = archive.extractfile(member)
                    assert stream is not None
                    content = stream.read()
                    files = found.setdefault((root / inside).parent, {})
                    files[inside.name] = functools.partial(bytes, content)
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError) as error:
        ledger.error(str(path), f"is damaged or no archive: {error}")
    for place in sorted(found):
        origin = f"{path}!{place.relative_to(root)}"
        yield Folder(place, origin, dict(sorted(found[place].items())))


def _stem(name: str) -> str:
    ending = max((e for e in ARCHIVE_ENDINGS if name.endswith(e)), key=len)
    return name.removesuffix(ending)
