"""Find, read, complete and check the data files of the specification.

A file is found by its place: spec/workloads/<name>.textproto and so on. There is no registry.
"""

import functools
import glob
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from spec import checking, coherence, hardware_pb2, parameter_pb2, ruleset_pb2, workload_pb2
from spec.errors import SpecError, one_of

ROOT = Path(__file__).resolve().parent
M = TypeVar("M", bound=Message)


def names(folder: str) -> list[str]:
    """Names of all files in a folder of the specification (`workloads`, `rulesets`, `hardware`),
    sorted.
    """
    found = glob.glob("**/*.textproto", root_dir=ROOT / folder, recursive=True)
    return sorted(path.removesuffix(".textproto") for path in found)


def read_message(path: Path, message_type: Callable[[], M]) -> M:
    """Parses one textproto.

    Raises:
      SpecError: the file is absent or is not a textproto of this type; the message has path, line
        and reason.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), message_type())
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}:{error}") from error


def checked(message: M, origin: object) -> M:
    """Returns the message when it breaks no rule of its .proto, and, if it is a workload, does not
    contradict itself; else raises a SpecError that lists all that is wrong.
    """
    broken = list(checking.violations(message))
    if not broken and isinstance(message, workload_pb2.Workload):
        broken = list(coherence.contradictions(message))
    if broken:
        raise SpecError(f"{origin}: " + "; ".join(broken))
    return message


@functools.cache
def load_workload(name: str) -> workload_pb2.Workload:
    """Loads a workload by name, with the fields of its base filled in.

    The returned message is shared: treat it as read-only.

    Raises:
      SpecError: unknown name, unreadable file, broken rule, contradiction, or a base that is missing,
        has a base itself or is the workload.
    """
    one_of(name, names("workloads"), "workload")
    path = ROOT / "workloads" / f"{name}.textproto"
    workload = read_message(path, workload_pb2.Workload)
    if workload.base:
        workload = overlay(_load_base(workload.base, path), workload)
    if workload.name != name:
        raise SpecError(
            f"{path}: name is {workload.name!r}, expected {name!r}, as the file is called"
        )
    return checked(workload, path)


def _load_base(name: str, path: Path) -> workload_pb2.Workload:
    if name not in names("workloads"):
        raise SpecError(f"{path}: base is {name!r}, which is no workload")
    base_path = ROOT / "workloads" / f"{name}.textproto"
    if base_path == path:
        raise SpecError(f"{path}: base is {name!r}, the workload itself; expected another or none")
    if base := read_message(base_path, workload_pb2.Workload).base:
        raise SpecError(
            f"{path}: base is {name!r}, which is itself a variant of {base!r}; name that one"
        )
    return load_workload(name)


def overlay(base: M, change: M) -> M:
    """Returns base with every field that is set in change laid over it.

    Messages and map entries merge recursively; a repeated field that is set replaces the base's. A
    parameter digest is not inherited: it belongs to one parameter list.
    """
    result = type(base)()
    result.CopyFrom(base)
    if "parameter_digest" in base.DESCRIPTOR.fields_by_name:
        result.ClearField("parameter_digest")
    _lay_over(result, change)
    return result


def _lay_over(target: Message, change: Message) -> None:
    for field, value in change.ListFields():
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            for key in value:
                _lay_over(getattr(target, field.name)[key], value[key])
        elif field.is_repeated:
            target.ClearField(field.name)
            getattr(target, field.name).extend(value)
        elif field.message_type is not None:
            child = getattr(target, field.name)
            child.SetInParent()
            _lay_over(child, value)
        else:
            setattr(target, field.name, value)


def rules_of(workload: workload_pb2.Workload, version: str) -> workload_pb2.Rules:
    """The workload's targets and budgets under a version of the benchmark; SpecError if it has
    none.
    """
    one_of(version, workload.rules, f"rules version of workload {workload.name}:")
    return workload.rules[version]


@functools.cache
def load_ruleset(version: str, tuning: str) -> ruleset_pb2.Ruleset:
    """Loads rulesets/<version>_<tuning>.textproto, for example `v0.6`, `external`. Treat the result
    as read-only.
    """
    name = one_of(f"{version}_{tuning}", names("rulesets"), "ruleset")
    path = ROOT / "rulesets" / f"{name}.textproto"
    return checked(read_message(path, ruleset_pb2.Ruleset), path)


def ruleset_versions() -> list[str]:
    """Versions of the benchmark that have rulesets, sorted."""
    return sorted({name.rpartition("_")[0] for name in names("rulesets")})


@functools.cache
def load_hardware(name: str) -> hardware_pb2.Hardware:
    """Loads hardware/<name>.textproto. Treat the result as read-only."""
    one_of(name, names("hardware"), "hardware")
    path = ROOT / "hardware" / f"{name}.textproto"
    return checked(read_message(path, hardware_pb2.Hardware), path)


def load_manifest(workload: str) -> parameter_pb2.ParameterManifest | None:
    """The parameter list of a workload where it is written out in spec/parameters, else None."""
    path = ROOT / "parameters" / f"{workload}.textproto"
    if not path.exists():
        return None
    return checked(read_message(path, parameter_pb2.ParameterManifest), path)


def message_sha256(message: Message) -> str:
    """SHA-256 of a message's deterministic wire form, as hex digits."""
    return hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()
