"""What there is: listings and descriptions from the specification's files.

Only what a model's modules know, and no file says, is asked from the PyTorch backend, where that is
installed.
"""

import collections
import importlib
import importlib.util
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from cli.tables import Row, print_table
from harness import protocol, submission
from inputs import pipeline, storage
from spec import loading
from spec.errors import SpecError
from spec.metrics import Direction, direction, family_names, metric_name
from spec.parameter_pb2 import Parameter, ParameterType
from spec.ruleset_pb2 import Ruleset
from spec.submission_pb2 import Framework, SubmissionManifest
from spec.workload_pb2 import LossType, Workload

M = TypeVar("M", bound=Message)
MEMORY_AT = (8, 16)  # batch sizes; packed graphs come in multiples of 8


def list_all() -> None:
    """Lists workloads, submissions, rulesets and hardware.

    Raises:
      SpecError: of some files, after those that can be read are listed.
    """
    refused: list[str] = []
    workloads = _readable(loading.load_workload, loading.names("workloads"), refused)
    with_model = [w for w in workloads if w.HasField("model")]
    kinds = {
        "Workloads": [w for w in with_model if pipeline.is_readable(w)],
        "Workloads with models, whose data cannot be read yet": [
            w for w in with_model if not pipeline.is_readable(w)
        ],
        "Workloads known to scoring only": [w for w in workloads if not w.HasField("model")],
    }
    for title, members in kinds.items():
        _section(title, ((w.name, w.title) for w in members))
    manifests = _readable(_manifest, submission.names(), refused)
    _section("Submissions", ((m.name, f"{m.title} ({_frameworks(m)})") for m in manifests))
    rulesets = _readable(_ruleset, loading.names("rulesets"), refused)
    _section("Rulesets (--rules, --ruleset)", (_ruleset_row(r) for r in rulesets))
    hardware = _readable(loading.load_hardware, loading.names("hardware"), refused)
    _section("Hardware", ((h.name, h.title) for h in hardware))
    if refused:
        raise SpecError("\n".join(dict.fromkeys(refused)))  # a base's once for all its variants


def _readable(load: Callable[[str], M], names: Iterable[str], refused: list[str]) -> list[M]:
    """What the names stand for; `refused` gets the reason of each that cannot be loaded."""
    loaded = []
    for name in names:
        try:
            loaded.append(load(name))
        except SpecError as error:
            refused.append(str(error))
    return loaded


def _manifest(name: str) -> SubmissionManifest:
    return loading.read_message(submission.ROOT / name / submission.MANIFEST, SubmissionManifest)


def _ruleset(name: str) -> Ruleset:
    return loading.load_ruleset(*name.rsplit("_", 1))


def describe(name: str) -> None:
    """Describes a workload: model, data, targets, budgets, parameters by kind, dropout, memory."""
    workload = loading.load_workload(name)
    loss = LossType.Name(workload.loss).lower()
    print(f"{workload.name}: {workload.title}")
    facts = {
        "variant of": workload.base,
        "model": _one_line(workload.model),
        "data": _one_line(workload.dataset),
        "examples": ", ".join(f"{f.name} {n:,}" for f, n in workload.splits.ListFields()),
        "evaluation batch": f"{workload.eval_batch_size:,}" if workload.eval_batch_size else "",
        "loss": loss if workload.HasField("loss") else "",
        "metrics": ", ".join(family_names(workload.metrics)) if workload.metrics else "",
        "data folder": _data_folder(workload),
        "dropout": f"rate {workload.dropout_rate:g} unless a submission chooses another"
        if workload.HasField("dropout_rate")
        else "",
        "precision": _one_line(workload.precision),
    }
    print_table((key, value) for key, value in facts.items() if value)
    for version in sorted(workload.rules):
        print(f"\nRules {version}")
        print_table(_rules_rows(workload, version))
    if not workload.HasField("model"):
        return
    if importlib.util.find_spec("torch") is None:
        manifest = loading.load_manifest(name)
        if manifest is not None:
            print("\nParameters")
            print_table(parameter_rows(manifest.parameters))
        print("\nDropout places and memory are known where PyTorch is installed.")
        return
    _describe_modules(workload)


def _describe_modules(workload: Workload) -> None:
    """What the modules of the PyTorch backend say; the JAX backend's are held equal to them."""
    from backends.pytorch import memory
    from backends.pytorch import workload as backend

    model = backend.Workload(workload, next(iter(workload.rules)))
    parameters = model.declared_parameters()
    print("\nParameters")
    print_table(parameter_rows(parameters))
    sites = collections.Counter(re.sub(r"\d+", "*", site) for site in model.dropout_sites())
    print("\nDropout places (* stands for a number)")
    print_table([("place", "times"), *sites.items()] if sites else [("none",)])
    print("\nMemory of a training step, estimated; float32")
    try:
        kept = [memory.activation_bytes(workload, size) for size in MEMORY_AT]
    except NotImplementedError as error:  # a model that looks at values, as packed sequences do
        print_table([("cannot be estimated without values:", error)])
    else:
        print_table(memory_rows(parameters, kept))


def memory_rows(parameters: Sequence[Parameter], kept: Sequence[int]) -> list[Row]:
    """Rows of (what, GB).

    Args:
      parameters: of the model.
      kept: bytes that the backward pass needs at the batch sizes MEMORY_AT, from which those of
        other sizes follow by a straight line.
    """
    model = 4 * sum(math.prod(parameter.shape) for parameter in parameters)
    per_example = (kept[1] - kept[0]) / (MEMORY_AT[1] - MEMORY_AT[0])
    fixed = kept[0] - MEMORY_AT[0] * per_example
    rows: list[Row] = [
        ("parameters", f"{model / 1e9:.3f} GB"),
        ("gradients", f"{model / 1e9:.3f} GB"),
        ("two moments of an Adam-like optimizer", f"{2 * model / 1e9:.3f} GB"),
        ("activations kept for the backward pass", f"{per_example / 1e6:.3f} MB an example"),
    ]
    for size in (1, 32, 1024):
        total = 4 * model + fixed + size * per_example
        rows.append((f"altogether at batch size {size:,}", f"{total / 1e9:.3f} GB"))
    return rows


def parameter_rows(parameters: Iterable[Parameter]) -> list[Row]:
    """Rows of (kind, arrays, values), in the order of the enumeration, with header and total."""
    arrays: collections.Counter[int] = collections.Counter()
    values: collections.Counter[int] = collections.Counter()
    for parameter in parameters:
        arrays[parameter.type] += 1
        values[parameter.type] += math.prod(parameter.shape)
    rows: list[Row] = [("kind", "arrays", "values")]
    rows += [(ParameterType.Name(t).lower(), arrays[t], f"{values[t]:,}") for t in sorted(arrays)]
    return [*rows, ("total", arrays.total(), f"{values.total():,}")]


def _rules_rows(workload: Workload, version: str) -> list[Row]:
    rules = workload.rules[version]
    bound = "at least" if direction(workload.target_metric) is Direction.MAXIMIZE else "at most"
    goal = f"{metric_name(workload.target_metric)} {bound}"
    rows: list[Row] = [("validation target", f"{goal} {rules.validation_target:.10g}")]
    if rules.HasField("test_target"):
        rows.append(("test target", f"{goal} {rules.test_target:.10g}"))
    for ruleset in map(_ruleset, loading.names("rulesets")):
        if ruleset.version == version:
            tuning = Ruleset.Tuning.Name(ruleset.tuning).lower()
            rows.append(
                (f"budget, {tuning}", f"{protocol.budget_sec(ruleset, rules):,g} timed seconds")
            )
    rows.append(("evaluation period", f"{rules.eval_period_sec:,g} s"))
    rows.append(("step hint", f"{rules.step_hint:,}"))
    if rules.source:
        rows.append(("source", rules.source + (" (provisional)" if rules.provisional else "")))
    return rows


def _ruleset_row(ruleset: Ruleset) -> Row:
    trials = f"{ruleset.num_studies} studies of {ruleset.trials_per_study}"
    name = f"{ruleset.version} {Ruleset.Tuning.Name(ruleset.tuning).lower()}"
    return name, f"{trials}, budgets times {ruleset.budget_factor:g}"


def _data_folder(workload: Workload) -> str:
    """Where the data are looked for, if they are files."""
    source = str(workload.dataset.WhichOneof("source"))
    module = importlib.util.find_spec(f"inputs.{source}")
    if module is None or not hasattr(importlib.import_module(f"inputs.{source}"), "prepare"):
        return ""
    return str(storage.data_folder(source))


def _frameworks(manifest: SubmissionManifest) -> str:
    return ", ".join(Framework.Name(f).lower() for f in manifest.frameworks)


def _one_line(message: Message) -> str:
    return text_format.MessageToString(message, as_one_line=True)


def _section(title: str, rows: Iterable[Row]) -> None:
    rows = list(rows)
    if rows:
        print(title)
        print_table(rows)
        print()
