"""Tar archives of logs, read once from front to back. Nothing is unpacked to disk and no link is
followed; what is damaged or cut off is reported.
"""

import bz2
import gzip
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from scoring.records import Ledger

ENDINGS = (".tar", ".tar.xz", ".txz", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2")
MAX_FILE_BYTES = 64 * 2**20
MAX_KEPT_BYTES = 256 * 2**20  # of all files of an archive
MAX_ARCHIVE_BYTES = 4 * 2**30  # of an archive when it is decompressed
MAX_MEMBERS = 2_000_000
LONG = "measurements.csv"  # of which the first and the last line say all that is used
# Names of what holds logs, or may. Those that are read have been told before.
LIKE_LOGS = re.compile(
    r"(events\.jsonl|.*\.csv|.*\.tar)(\.(gz|bz2|xz|zst|lzma|lz4|z|zip))?"
    r"|.*\.(tgz|txz|tbz2?|tzst|zip|7z|rar)",
    re.IGNORECASE,
)
UNREAD = "looks like logs and is not read: expected events.jsonl, .csv, .csv.xz or a tar archive"
DAMAGED = (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError)
BLOCK = tarfile.BLOCKSIZE

Contents = dict[PurePosixPath, dict[str, bytes]]


def contents(path: Path, is_wanted: Callable[[str], bool], ledger: Ledger) -> Contents:
    """Folder -> name -> content of the files with wanted names. A folder may be empty.

    Of an archive that is damaged or goes on for too long, what could be read before that.
    """
    found: Contents = {}
    try:
        with path.open("rb") as file:
            stream = _Forward(_decompressing(file))
            with tarfile.TarFile(fileobj=stream) as archive:  # type: ignore[arg-type]
                _read_members(archive, path, is_wanted, found, ledger)
                stream.check_end()
    except DAMAGED as error:
        ledger.error(str(path), f"is damaged or no archive, what follows is lost: {error}")
    return found


def looks_like_logs(name: str) -> bool:
    """Whether a file that is read as nothing else was meant to be logs or an archive of them."""
    return LIKE_LOGS.fullmatch(name) is not None


def _read_members(
    archive: tarfile.TarFile,
    path: Path,
    is_wanted: Callable[[str], bool],
    found: Contents,
    ledger: Ledger,
) -> None:
    num_kept = 0
    for number, member in enumerate(archive):
        if number == MAX_MEMBERS:
            raise tarfile.ReadError(f"more than {MAX_MEMBERS} files and folders")
        archive.members.clear()  # type: ignore[attr-defined]  # many, and never asked for again
        place, origin = PurePosixPath(member.name), f"{path}!{member.name}"
        if place.is_absolute() or ".." in place.parts:
            ledger.error(origin, "left out: a path out of the archive")
        elif member.isdir():
            found.setdefault(place, {})
        elif not is_wanted(place.name):
            if member.issym():
                ledger.note(origin, "not followed: a link")
            elif looks_like_logs(place.name):
                ledger.error(origin, UNREAD)
        elif not member.isfile() or member.issparse():
            ledger.error(origin, "left out: a link or no plain file")
        elif member.size > MAX_FILE_BYTES or num_kept > MAX_KEPT_BYTES:
            ledger.error(origin, "left out: the archive is too large")
        else:
            content = _content(archive, member)
            num_kept += len(content)
            files = found.setdefault(place.parent, {})
            if files.get(place.name, content) != content:
                ledger.note(origin, "more than once in the archive: the last one counts")
            files[place.name] = content


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    assert stream is not None
    content = stream.read()
    if len(content) != member.size:
        raise EOFError(f"{member.name} is cut off")
    if PurePosixPath(member.name).name != LONG:
        return content
    head = content.find(b"\n") + 1
    last = content.rfind(b"\n", 0, len(content.rstrip())) + 1
    return content[:head] + content[max(head, last) :]


def _decompressing(file: BinaryIO) -> BinaryIO:
    """The file's content, decompressed and checked as it is read, whatever the file's name."""
    start = file.read(6)
    file.seek(0)
    if start == b"\xfd7zXZ\x00":
        return lzma.open(file)  # type: ignore[return-value]
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(file)  # type: ignore[return-value]
    return bz2.open(file) if start.startswith(b"BZh") else file  # type: ignore[return-value]


class _Forward:
    """A stream that tarfile can read, forwards and in bounds alone."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._place = 0
        self._last = b""

    def tell(self) -> int:
        return self._place

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_FILE_BYTES:
            raise tarfile.ReadError(f"a part of {size} bytes at byte {self._place}")
        self._last = self._stream.read(size)
        self._place += len(self._last)
        if self._place > MAX_ARCHIVE_BYTES:
            raise tarfile.ReadError(f"more than {MAX_ARCHIVE_BYTES} bytes")
        return self._last

    def seek(self, place: int) -> None:
        if place < self._place:
            raise tarfile.ReadError(f"byte {self._place} is followed by byte {place}")
        while self._place < place and self.read(min(place - self._place, 2**20)):
            pass

    def check_end(self) -> None:
        """Raises a ReadError unless tarfile has stopped at the two blocks of zeros that end an
        archive. It stops at a damaged header as well, and says nothing.
        """
        if self._last != bytes(BLOCK):
            raise tarfile.ReadError(f"no header and no end of the archive at byte {self._place}")
        end = self._place
        while rest := self.read(2**20):  # to its end: checksums stand there
            if any(rest):
                raise tarfile.ReadError(f"goes on after its end, at byte {end}")
        if self._place - end < BLOCK:
            raise tarfile.ReadError("is cut off within the mark of its end")
