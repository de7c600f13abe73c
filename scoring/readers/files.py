"""Log files on disk and in tar archives, seen alike: folders of named files that can be read.

Links and special files are never followed, but for a link that is itself the place asked for.
"""

import dataclasses
import functools
import itertools
import lzma
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from scoring.readers import archives
from scoring.records import Ledger

LOG_FILES = re.compile(
    r"events\.jsonl|eval_measurements\.csv|measurements\.csv|hparams\.json"
    r"|(meta_data|flags)_\d+\.json|.*\.csv(\.xz)?"
)
TRIALS = re.compile(r"events\.jsonl|(eval_measurements|evals_.*)\.csv(\.xz)?")
MAX_LOOKED_AT = 1000  # folders behind a link that is not followed


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

    def unreadable(error: OSError) -> None:
        ledger.error(str(error.filename), f"cannot be read: {error.strerror}")

    for place, subfolders, names in os.walk(root, onerror=unreadable):
        subfolders.sort()
        here = Path(place)
        _note_odd(here, root, subfolders, names, ledger)
        plain = {
            name: functools.partial(_read, here / name, ledger)
            for name in sorted(names)
            if is_log_file(name) and _is_plain(here / name, ledger)
        }
        yield Folder(above / here.relative_to(root).as_posix(), place, plain)
        for name in sorted(names):
            if name.endswith(archives.ENDINGS) and _is_plain(here / name, ledger):
                yield from _of_archive(here / name, ledger)


def _note_odd(
    here: Path, root: Path, subfolders: list[str], names: list[str], ledger: Ledger
) -> None:
    """Reports what stands in the place of a folder or a file and is none, and logs that are not
    read.
    """
    for name in subfolders:
        if is_log_file(name):
            ledger.error(str(here / name), "is a folder, or a link to one, expected a file")
        elif (here / name).is_symlink():
            text = "not followed: a link to a folder"
            if _hides_logs(here / name, root):
                ledger.error(str(here / name), f"{text} with logs; give that folder, or copy it")
            else:
                ledger.note(str(here / name), text)
    for name in names:
        if is_log_file(name) or name.endswith(archives.ENDINGS):
            continue
        if (here / name).is_symlink() and not os.path.exists(here / name):
            ledger.note(str(here / name), "not followed: a link to nothing")
        elif archives.looks_like_logs(name):
            ledger.error(str(here / name), archives.UNREAD)


def _hides_logs(link: Path, root: Path) -> bool:
    """Whether logs lie behind a link to a folder, as far as a short look tells. What lies below the
    root is read anyway.
    """
    target, above = link.resolve(), root.resolve()
    if target.is_relative_to(above) or above.is_relative_to(target):
        return False
    seen = itertools.islice(os.walk(target), MAX_LOOKED_AT)
    return any(
        TRIALS.fullmatch(name) or name.endswith(archives.ENDINGS)
        for _, _, names in seen
        for name in names
    )


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
        content = decoder.decompress(data, archives.MAX_FILE_BYTES)
    except lzma.LZMAError as error:
        ledger.error(origin, f"is damaged: {error}")
        return None
    if not decoder.eof or decoder.unused_data:
        limit = archives.MAX_FILE_BYTES
        ledger.error(origin, f"ends early, or is not one stream of at most {limit} bytes")
        return None
    return content


def _is_plain(path: Path, ledger: Ledger) -> bool:
    """Whether there is a file in the place of a log: no pipe and no link."""
    is_plain = stat.S_ISREG(path.lstat().st_mode)
    if not is_plain:
        ledger.error(str(path), "left out: a link or no plain file")
    return is_plain


def _read(path: Path, ledger: Ledger) -> bytes:
    """The content; nothing, and reported, where it cannot be read."""
    try:
        if path.stat().st_size <= archives.MAX_FILE_BYTES:
            return path.read_bytes()
        ledger.error(str(path), f"left out: more than {archives.MAX_FILE_BYTES} bytes")
        return b""
    except OSError as error:
        ledger.error(str(path), f"cannot be read: {error.strerror}")
        return b""


def _of_file(path: Path, ledger: Ledger) -> Iterator[Folder]:
    if path.name.endswith(archives.ENDINGS):
        yield from _of_archive(path, ledger)
    elif is_log_file(path.name):
        files = {path.name: functools.partial(_read, path, ledger)}
        yield Folder(PurePosixPath(path.resolve().parent.as_posix()), str(path.parent), files)
    else:
        ledger.error(str(path), "is no log: expected events.jsonl, a csv, or an archive of logs")


def _of_archive(path: Path, ledger: Ledger) -> Iterator[Folder]:
    """Folders of the files in an archive, in memory."""
    root = PurePosixPath(path.resolve().parent.as_posix()) / _stem(path.name)
    found = archives.contents(path, is_log_file, ledger)
    for place in sorted(found):
        files = {name: functools.partial(bytes, data) for name, data in found[place].items()}
        yield Folder(root / place, f"{path}!{place}", dict(sorted(files.items())))


def _stem(name: str) -> str:
    ending = max((e for e in archives.ENDINGS if name.endswith(e)), key=len)
    return name.removesuffix(ending)
