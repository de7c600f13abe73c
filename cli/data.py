"""`tandem data`: preparing data sets from their published files, and checking what is there."""

import importlib
import pkgutil
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import inputs
from cli.tables import Row, print_table
from inputs import storage
from inputs.storage import Part
from spec.command_line import OneLineParser
from spec.loading import SpecError
from spec.user_paths import user_path

INTERRUPTED = 130
_EPILOG = "Exit status: 0 all is there; 1 something is missing; 2 a file or the command is wrong."


def main(argv: Sequence[str]) -> int:
    """Runs `tandem data prepare|check`; returns the exit status.

    Raises:
      SpecError: a published file is not what it should be, or a file cannot be read or written.
    """
    chosen = _parser().parse_args(argv)
    if chosen.data_dir:
        storage.use_parent(chosen.data_dir)
    name, folder = chosen.dataset, storage.data_folder(chosen.dataset)
    module = importlib.import_module(f"inputs.{name}")
    try:
        if chosen.command == "prepare":
            raw = user_path(chosen.raw)
            if not raw.is_dir():
                raise SpecError(f"--raw is {raw}, expected the folder of the published files")
            free, needed = _disk(folder, module.check(folder))
            if needed > free:
                storage.progress(
                    f"note: all of {name} needs {_size(needed)} more on the disk of {folder}, "
                    f"{_size(free)} are free"
                )
            module.prepare(raw, folder)
        return report(name, folder, module.check(folder))
    except OSError as error:
        raise SpecError(f"{error.filename or folder}: {error.strerror or error}") from error
    except KeyboardInterrupt:
        storage.progress("stopped; the same command goes on from here")
        return INTERRUPTED


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="tandem data", description=__doc__, epilog=_EPILOG)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=OneLineParser)
    common = OneLineParser(add_help=False)
    common.add_argument("dataset", choices=datasets(), help="name of the data set")
    common.add_argument(
        "--data-dir",
        metavar="DIR",
        help=f"parent folder of prepared data (default: ${storage.VARIABLE} or ~/tandem_data)",
    )
    prepare = commands.add_parser(
        "prepare", parents=[common], epilog=_EPILOG, help="make the files that training reads"
    )
    prepare.add_argument(
        "--raw", required=True, metavar="DIR", help="folder of the files as they are published"
    )
    commands.add_parser(
        "check", parents=[common], epilog=_EPILOG, help="what is there, what is missing, sizes"
    )
    return parser


def datasets() -> list[str]:
    """Names of the data sets that are read from files, sorted."""
    names = [module.name for module in pkgutil.iter_modules(inputs.__path__)]
    readers = [name for name in names if not name.endswith("_test")]
    return [
        name for name in readers if hasattr(importlib.import_module(f"inputs.{name}"), "prepare")
    ]


def report(name: str, folder: Path, parts: Sequence[Part]) -> int:
    """Prints what is there; 0 when all of it is, else 1."""
    print(f"{name} in {folder}")
    print_table(_row(part) for part in parts)
    ready = all(part.state == "ready" for part in parts)
    free, needed = _disk(folder, parts)
    more = f", {_size(needed)} more needed" if needed else ""
    print(f"on disk {_size(sum(part.num_bytes for part in parts))}{more}, free {_size(free)}")
    if not ready:
        sys.stdout.flush()
        print(
            f"not all is there: `tandem data prepare {name} --raw DIR` makes it from the published "
            "files in DIR, and keeps what is ready",
            file=sys.stderr,
        )
    return 0 if ready else 1


def _row(part: Part) -> Row:
    expected = f" of {part.expected:,}" if part.expected else ""
    return (
        part.state,
        part.name,
        f"{part.count:,}{expected} examples",
        _size(part.num_bytes),
        part.detail,
    )


def _disk(folder: Path, parts: Sequence[Part]) -> tuple[int, int]:
    """Bytes that are free where the data lies, and bytes that it still needs, as far as known."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    needed = sum(max(part.ready_bytes - part.num_bytes, 0) for part in parts)
    return shutil.disk_usage(existing).free, needed


def _size(num_bytes: int) -> str:
    unit, name = next(
        (u, n) for u, n in ((10**9, "GB"), (10**6, "MB"), (1, "bytes")) if num_bytes >= u or u == 1
    )
    return f"{num_bytes / unit:,.1f} {name}" if unit > 1 else f"{num_bytes:,} {name}"
