"""Parameter lists: comparing them, hashing them, and checking a model's own list against the
specification's.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from spec import loading
from spec.parameter_pb2 import Parameter, ParameterManifest
from spec.workload_pb2 import Workload


def digest(parameters: Sequence[Parameter]) -> str:
    """SHA-256 over the list, order included, as hex digits."""
    total = hashlib.sha256()
    for parameter in parameters:
        data = parameter.SerializeToString(deterministic=True)
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


def check_against_spec(workload: Workload, parameters: Sequence[Parameter]) -> None:
    """Checks the list that a backend's modules give against the specification.

    Raises:
      SpecError: the list differs from spec/parameters/<name>.textproto, or its digest from the
        workload's; the message names the first parameter and field that differ.
    """
    manifest = loading.load_manifest(workload.name)
    if manifest is not None:
        difference = first_difference(manifest.parameters, parameters)
        if difference:
            raise loading.SpecError(f"workload {workload.name}: {difference}. {_ADVICE}")
    elif workload.HasField("parameter_digest") and workload.parameter_digest != digest(parameters):
        raise loading.SpecError(
            f"workload {workload.name}: its modules give parameters with digest {digest(parameters)}, "
            f"expected {workload.parameter_digest}. {_ADVICE}"
        )


_ADVICE = "If the change is meant, write the list anew with `tandem parameters WORKLOAD --write`."


def first_difference(expected: Sequence[Parameter], actual: Sequence[Parameter]) -> str:
    """One line on the first place where two lists differ; empty when they are equal."""
    for index, (a, b) in enumerate(zip(expected, actual, strict=False)):
        if a.name != b.name:
            return f"parameter number {index} is {b.name}, expected {a.name}"
        for field in Parameter.DESCRIPTOR.fields:
            left, right = getattr(a, field.name), getattr(b, field.name)
            if left != right:
                return f"parameter {a.name}: {field.name} is {_show(right)}, expected {_show(left)}"
    if len(expected) != len(actual):
        return f"{len(actual)} parameters, expected {len(expected)}"
    return ""


def _show(value: object) -> str:
    return " ".join(str(value).split())


def manifest(workload: Workload, parameters: Sequence[Parameter]) -> ParameterManifest:
    return ParameterManifest(workload=workload.name, parameters=parameters)


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{'a.b': x} -> {'a': {'b': x}}: the nested form in which JAX submissions see parameters and
    state.
    """
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *path, leaf = name.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = value
    return tree


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The inverse of `unflatten`."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
