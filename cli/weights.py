"""`tandem weights`: parameters and batch statistics as the official implementations name and lay
them out, in safetensors files.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from cli import parameters
from spec import files, loading
from spec.command_line import OneLineParser
from spec.loading import SpecError
from spec.official import arrays
from spec.official.arrays import Shape
from spec.user_paths import user_path

PARAMS, STATE = "params.", "model_state."  # before canonical names, as in a checkpoint


def main(argv: Sequence[str]) -> None:
    """Runs `tandem weights import|export`.

    Raises:
      SpecError: a file cannot be read or written, or is not of this model; nothing was written.
    """
    chosen = _parser().parse_args(argv)
    source, target = user_path(chosen.file), user_path(chosen.out)
    workload = loading.load_workload(chosen.workload)
    listed = parameters.of_workload(workload)
    held = arrays.official_tensors(workload.model, listed, chosen.format)
    known = arrays.with_statistics(listed)
    prefixes = {p.name: PARAMS if place < len(listed) else STATE for place, p in enumerate(known)}
    if chosen.command == "import":
        canonical = arrays.from_official(held, _read(source, arrays.shapes(held)))
        result = {prefixes[name] + name: array for name, array in canonical.items()}
    else:
        shapes = {prefixes[p.name] + p.name: tuple(p.shape) for p in known}
        found = _read(source, shapes, (PARAMS, STATE))
        canonical = {name: found[prefix + name] for name, prefix in prefixes.items()}
        result = arrays.to_official(held, canonical)
    _write(target, result)
    print(f"wrote {target}: {len(result)} arrays of {workload.name}")


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="tandem weights", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=OneLineParser)
    for name, explanation, file in (
        ("import", "from official names to Tandem's", "safetensors file with official names"),
        ("export", "from Tandem's names to official ones", "arrays.safetensors of a checkpoint"),
    ):
        command = commands.add_parser(name, help=explanation, description=explanation)
        command.add_argument("file", help=file)
        command.add_argument("--workload", required=True, help="name, as `tandem list` shows it")
        command.add_argument("--format", required=True, choices=arrays.FORMATS)
        command.add_argument("--out", required=True, metavar="FILE", help="new safetensors file")
    return parser


def _read(
    path: Path, expected: dict[str, Shape], prefixes: tuple[str, ...] = ("",)
) -> dict[str, np.ndarray]:
    """The expected arrays of a file. Names with other prefixes are left alone."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            names = [name for name in list(file.keys()) if name.startswith(prefixes)]
            slices = {name: file.get_slice(name) for name in names}
            found = {n: (tuple(s.get_shape()), s.get_dtype()) for n, s in slices.items()}
            arrays.check(expected, found)
            return {name: file.get_tensor(name) for name in expected}
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error
    except (OSError, safetensors.SafetensorError) as error:
        raise SpecError(f"{path}: not a safetensors file that can be read: {error}") from error


def _write(path: Path, result: dict[str, np.ndarray]) -> None:
    """A new file, whole or not at all."""
    if path.exists():
        raise SpecError(f"{path} exists; choose another name for --out, or delete it first")
    # The library takes an array's memory as it lies there.
    dense = {name: np.asarray(array, order="C") for name, array in result.items()}
    try:
        with files.writing(path) as temporary:
            safetensors.numpy.save_file(dense, temporary)
    except (OSError, safetensors.SafetensorError) as error:
        raise SpecError(f"{path}: cannot be written: {error}") from error
