"""The parameter list of a workload, as a backend's modules give it, and writing it into spec/."""

import argparse
import importlib
import importlib.util
from collections.abc import Sequence

from google.protobuf import text_format

from spec import loading, parameters
from spec.command_line import OneLineParser
from spec.files import write_text
from spec.loading import SpecError
from spec.parameter_pb2 import Parameter, ParameterManifest
from spec.workload_pb2 import Workload

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


def of_workload(workload: Workload) -> Sequence[Parameter]:
    """The parameters of a workload's model: the specification's list, or what the modules of a
    backend that is installed give, where that is not written out.
    """
    if not workload.HasField("model"):
        raise SpecError(f"workload {workload.name} has no model")
    manifest = loading.load_manifest(workload.name)
    if manifest is not None:
        return manifest.parameters
    backend = "jax" if importlib.util.find_spec("torch") is None else "pytorch"
    module = importlib.import_module(f"backends.{backend}.workload")
    found: list[Parameter] = module.Workload(workload, next(iter(workload.rules))).parameters
    return found


def write(manifest: ParameterManifest) -> None:
    """Writes the list to its place, whole or not at all."""
    path = loading.ROOT / "parameters" / f"{manifest.workload}.textproto"
    text = HEADER.format(name=manifest.workload) + text_format.MessageToString(manifest)
    write_text(path, text)
    print(f"wrote {path}")
