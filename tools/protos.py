"""Generates the Python modules of spec/*.proto: `spec/*_pb2.py`, and `.pyi` for type checkers.

Without arguments it writes them beside the .proto files, where they are checked in:

    python tools/protos.py                            (or ./bazelw run //tools:protos)

Bazel's rule names the files and the folder, both relative to the current one:

    python tools/protos.py --output DIR spec/x.proto ...
"""

import argparse
import importlib.resources
import pathlib
import sys
from collections.abc import Iterable

from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parent.parent


def generate(root: pathlib.Path, protos: Iterable[str], output: pathlib.Path) -> None:
    """Runs protoc over `protos`, named relative to `root` as their import lines name them."""
    _protoc(root, protos, f"--python_out={output}", f"--pyi_out={output}")


def describe(root: pathlib.Path, protos: Iterable[str], output: pathlib.Path) -> None:
    """Writes what protoc knows of `protos`, comments included, as a serialized FileDescriptorSet."""
    _protoc(root, protos, f"--descriptor_set_out={output}", "--include_source_info")


def _protoc(root: pathlib.Path, protos: Iterable[str], *options: str) -> None:
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    status = protoc.main(["protoc", f"-I{root}", f"-I{well_known}", *options, *protos])
    if status != 0:
        sys.exit(f"protoc failed with status {status}, see above")


def spec_protos(root: pathlib.Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.glob("spec/*.proto"))


def generated_names(proto: str) -> list[str]:
    """Paths of the modules of one .proto file."""
    stem = proto.removesuffix(".proto")
    return [f"{stem}_pb2.py", f"{stem}_pb2.pyi"]


def update(root: pathlib.Path) -> None:
    """Brings the modules in spec/ up to date and removes those whose .proto is gone."""
    protos = spec_protos(root)
    generate(root, protos, root)
    expected = {root / name for proto in protos for name in generated_names(proto)}
    for stale in set(root.glob("spec/*_pb2.py*")) - expected:
        stale.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, metavar="DIR")
    parser.add_argument("protos", nargs="*", metavar="PROTO")
    arguments = parser.parse_args()
    if bool(arguments.output) != bool(arguments.protos):
        parser.error("--output DIR and PROTO ... belong together; give both or neither")
    if arguments.output:
        generate(pathlib.Path("."), arguments.protos, arguments.output)
    else:
        update(ROOT)


if __name__ == "__main__":
    main()
