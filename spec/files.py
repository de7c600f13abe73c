"""Writing files whole: a reader sees the old content or the new, never a part."""

import contextlib
import glob
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path

ABANDONED_SEC = 24 * 3600  # without a write, where it cannot be told whether the writer still lives
_HOST = re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Gives the name of a temporary file beside `path`, which takes the name `path` when the block
    ends without an exception, and is deleted otherwise; so are those that killed processes left. Makes
    the folder if needed.

    Several may write the same file at once, on several machines too: the last to end wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(FileNotFoundError):
            if _is_abandoned(left):
                left.unlink()
    unique = f"{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{unique}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_abandoned(temporary: Path) -> bool:
    host, pid, *_ = [*temporary.name.split(".")[-2].split("-"), ""]
    if host == _HOST and pid.isdecimal():
        return not Path(f"/proc/{pid}").exists()
    return temporary.lstat().st_mtime < time.time() - ABANDONED_SEC


def write_text(path: Path, text: str) -> None:
    r"""Writes a text file in UTF-8, through a temporary one. What stems from a file's name in
    another encoding is written as \udcxx.
    """
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
