"""The parameter list of a workload, as a backend's modules give it, and writing it into spec/."""

import argparse
import importlib
from collections.abc import Sequence

from google.protobuf import text_format

from spec import loading, parameters
from spec.command_line import OneLineParser
from spec.files import write_text
from spec.parameter_pb2 import Parameter, ParameterManifest

HEADER = """\
# Written by `tandem parameters {name} --write` from the modules of a backend; reviewed by people.
"""


def parser() -> argparse.ArgumentParser:
    result = OneLineParser(
        prog="tandem parameters",
        description="Shows the parameters of a workload's model and the digest of their list.",
    )
    result.add_argument("workload", help="name, as `tandem list` shows it")
    result.add_argument(
        "--backend",
        choices=["jax", "pytorch"],
        default="jax",
        help="whose modules to ask (default: jax)",
    )
    result.add_argument(
        "--write",
        action="store_true",
        help="write the list to spec/parameters, where both backends are held against it",
    )
    return result


def main(argv: Sequence[str]) -> None:
    options = parser().parse_args(argv)
    workload = loading.load_workload(options.workload)
    module = importlib.import_module(f"backends.{options.backend}.workload")
    version = next(iter(workload.rules))
    found: list[Parameter] = module.Workload(workload, version).declared_parameters()
    for parameter in found:
        print(f"{parameter.name:60} {list(parameter.shape)}")
    print(f"digest {parameters.digest(found)}")
    if options.write:
        write(ParameterManifest(workload=workload.name, parameters=found))


def write(manifest: ParameterManifest) -> None:
    """Writes the list to its place, whole or not at all."""
    path = loading.ROOT / "parameters" / f"{manifest.workload}.textproto"
    text = HEADER.format(name=manifest.workload) + text_format.MessageToString(manifest)
    write_text(path, text)
    print(f"wrote {path}")
