"""What running a submission on tiny workloads shows, in a process of one framework.

    python -m preflight.examination --backend jax --submission PATH --out FOLDER

writes one finding a line on standard output, in JSON. FOLDER gets the parameters after the last
step by workload, for a comparison between numbers of devices.
"""

import ast
import dataclasses
import functools
import importlib
import os
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import submission, tuning
from harness.errors import DataError, SubmissionError, printable
from harness.submission import Source
from preflight.findings import Finding
from preflight.rehearsal import NUM_STEPS, STOP_AFTER, VERSION, Record, Stage, first_difference
from preflight.watch import Company
from spec import loading
from spec.submission_pb2 import Framework
from spec.workload_pb2 import Workload

RULESET = loading.load_ruleset(VERSION, "external")
WORKLOADS = tuple(f"tiny/{name}" for name in RULESET.base_workloads)
# With transposed convolutions, batch norm, and embeddings and attention.
RENAMED = ("tiny/fastmri", "tiny/imagenet_resnet", "tiny/wmt")
BATCH_SIZE = 8  # of a rehearsal, whatever the submission's own
ODD_BATCH_SIZE = 6

# Sizes that no workload has, one by one.
_UNSEEN = {
    "tiny/imagenet_vit": """
        name: "unseen_transformer"
        model { vit { image_size: 15 patch_size: 5 width: 12 num_heads: 3 mlp_width: 7 num_classes: 3 depth: 1 } }
        """,
    "tiny/mnist": """
        name: "unseen_perceptron"
        model { mlp { image_size: 3 width: 5 num_classes: 2 } }
        """,
}


class Examination:
    """One submission on one framework.

    Attributes:
      final: parameters and model state after the last step, by workload.
    """

    def __init__(self, source: Source, framework: Framework):
        self.final: dict[str, dict[str, np.ndarray]] = {}
        self._source = source
        self._name = Framework.Name(framework).lower()
        self._tools = importlib.import_module(f"preflight.framework_{self._name}")
        self._tools.prepare()
        self._stage_name = ""
        self._stage: Stage | None = None

    def batch_sizes(self, num_accelerators: int) -> Iterator[Finding]:
        """Asks for the size of every workload that is scored."""
        found = functools.partial(self._finding, "batch_size", function="get_batch_size")
        try:
            code = submission.load(self._source)
        except SubmissionError as error:
            yield self._raised(error)
            return
        for name in RULESET.base_workloads:
            try:
                code.batch_size(loading.load_workload(name), num_accelerators)
            except SubmissionError as error:
                yield found(str(error))

    def rehearse(self, workloads: Sequence[str] = WORKLOADS) -> Iterator[Finding]:
        """All that is looked at on single workloads, by their names."""
        for name in workloads:
            yield from self._examine(loading.load_workload(name), name in RENAMED)

    def rehearse_unseen(self) -> Iterator[Finding]:
        """Models of odd sizes, under self-tuning where the submission stands for that."""
        for base, change in _UNSEEN.items():
            workload = unseen(base, change)
            point = None if self._source.manifest.self_tuning else self._point()
            stage = self._open(workload, point, ODD_BATCH_SIZE)
            with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
                for finding in self._first(stage, Path(folder))[1]:
                    yield dataclasses.replace(finding, rule="any_shape")

    def once(self, workload: str) -> Iterator[Finding]:
        """One rehearsal, without a second look."""
        stage = self._open(loading.load_workload(workload), self._point(), BATCH_SIZE)
        with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
            record, findings = self._first(stage, Path(folder))
        yield from findings
        if record:
            self.final[workload] = _values(record)

    def _examine(self, workload: Workload, with_other_names: bool) -> Iterator[Finding]:
        stage = self._open(workload, self._point(), BATCH_SIZE)
        with tempfile.TemporaryDirectory(prefix="preflight-") as parent:
            places = [Path(parent, name) for name in ("whole", "parts", "names")]
            for place in places:
                place.mkdir()
            whole, findings = self._first(stage, places[0])
            yield from findings
            if whole is None or findings:
                return
            self.final[workload.name] = _values(whole)
            yield from self._compare_parts(stage, whole, places[1])
            if with_other_names:
                yield from self._compare_names(stage, whole, places[2])

    def _first(self, stage: Stage, folder: Path) -> tuple[Record | None, list[Finding]]:
        """The rehearsal that others are held against, and what is wrong with it by itself."""
        company = Company()
        try:
            record = stage.rehearse(folder)
        except (SubmissionError, DataError) as error:
            return None, [self._raised(error)]
        return record, [
            *self._company_findings(company),
            *self._record_findings(record),
            *self._watch_findings(stage),
        ]

    def _record_findings(self, record: Record) -> Iterator[Finding]:
        init = functools.partial(self._finding, "untimed_work", function="init_optimizer_state")
        if record.early_passes:
            yield init("init_optimizer_state calls workload.model_fn, before the clock runs")
        if record.early_change:
            yield init(f"init_optimizer_state changes {record.early_change} before the clock runs")
        if record.late_change:
            yield self._finding(
                "untimed_work", f"evaluating or saving changes {record.late_change}"
            )
        for remark in record.remarks:
            yield self._finding("resumable", remark, function="init_optimizer_state")
        for name, array in _values(record).items() if record.saved else ():
            if not np.isfinite(array).all():
                message = f"not finite after {NUM_STEPS} steps: {name}"
                yield self._finding("finite", message, function="update_params")
                return
        if not record.remarks and NUM_STEPS not in record.saved:
            message = f"training ended after {max(record.saved)} steps, expected {NUM_STEPS}"
            yield self._finding("ends", message, function="update_params")

    def _company_findings(self, company: Company) -> Iterator[Finding]:
        for thread in company.threads():
            code = getattr(getattr(thread, "_target", None), "__code__", None)
            message = f"thread {thread.name} is left running"
            yield (
                self._at(code.co_filename, code.co_firstlineno, "threads", message)
                if (code)
                else self._finding("threads", message)
            )
        if processes := company.processes():
            yield self._finding("threads", f"{len(processes)} processes are left running")

    def _watch_findings(self, stage: Stage) -> Iterator[Finding]:
        for file, line, name in dict.fromkeys(stage.watch.seen):
            message = f"{name} runs while parameters are looked at and the clock stands"
            yield self._at(file, line, "untimed_work", message)

    def _compare_parts(self, stage: Stage, whole: Record, folder: Path) -> Iterator[Finding]:
        """A rehearsal that is stopped and resumed, held against one that was not."""
        try:
            begun = stage.rehearse(folder, stop_after=STOP_AFTER)
            if difference := _difference(whole, begun, range(1, STOP_AFTER)):
                message = f"two rehearsals with one seed differ in {difference}"
                yield self._finding("deterministic", message, function="update_params")
                return
            resumed = stage.rehearse(folder)
        except Exception as error:  # RestoreError among others
            message = f"cannot be resumed: {printable(error)}"
            yield self._finding("resumable", message, function="init_optimizer_state")
            return
        if difference := _difference(whole, resumed, range(STOP_AFTER, NUM_STEPS + 1)):
            message = f"stopped after step {STOP_AFTER} and resumed, it differs in {difference}"
            yield self._finding("resumable", message, function="update_params")

    def _compare_names(self, stage: Stage, whole: Record, folder: Path) -> Iterator[Finding]:
        found = functools.partial(self._finding, "names", function="update_params")
        try:
            renamed = stage.rehearse(folder, naming=self._tools.Naming(stage.workload))
        except Exception as error:  # whatever it is, the old names did not raise it
            line = _own_frame(error, self._source.folder)
            message = f"under other names it raises {type(error).__name__}: {printable(error)}"
            yield self._at(*line, "names", message) if line else found(message)
            return
        if difference := first_difference(_values(whole), _values(renamed)):
            yield found(f"under other names it does something else: {difference} differs")

    def _open(self, workload: Workload, point: Any, batch_size: int) -> Stage:
        self._stage_name = workload.name
        return Stage(self._source, point, workload, self._tools.Backend, batch_size)

    def _point(self) -> Any:
        path = self._source.search_space()
        if path is None:
            return None
        points = tuning.read_points(path, RULESET.trials_per_study, seed=0)
        return tuning.as_object(points[0])

    def _finding(self, rule: str, message: str, function: str = "") -> Finding:
        """At the function's definition, where its name is one of the interface's."""
        line = definition_line(self._source.module, function) if function else 0
        return self._at(str(self._source.module), line, rule, message)

    def _at(self, file: str, line: int, rule: str, message: str) -> Finding:
        path = os.path.relpath(file, self._source.folder)
        where = f"{self._name} {self._stage_name}".strip()
        return Finding(rule, " ".join(message.split()), path, line, where)

    def _raised(self, error: BaseException) -> Finding:
        """What the submission raised, at the deepest of its own lines."""
        message = str(error)
        if place := _own_frame(error, self._source.folder):
            return self._at(*place, "interface", message)
        names = [
            m.name for m in submission.METHODS if message.startswith((m.name, f"function {m.name}"))
        ]
        return self._finding("interface", message, function=names[0] if names else "update_params")


def unseen(base: str, change: str) -> Workload:
    """A workload with another one's fields, but for those of a textproto."""
    from google.protobuf import text_format

    return loading.overlay(loading.load_workload(base), text_format.Parse(change, Workload()))


def definition_line(module: Path, name: str) -> int:
    """Where a module binds a name; 0 if it does not, at its top level."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        targets = getattr(node, "targets", [])
        bound = {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
        if getattr(node, "name", None) == name or name in bound:
            return node.lineno
    return 0


def _own_frame(error: BaseException | None, folder: Path) -> tuple[str, int] | None:
    """File and line of the deepest frame in the folder, of the error or of what led to it."""
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if f.filename.startswith(str(folder) + os.sep)]
        if own:
            return own[-1].filename, own[-1].lineno or 0
        error = error.__cause__
    return None


def _values(record: Record) -> dict[str, np.ndarray]:
    """Parameters and model state after the last step."""
    arrays, _ = record.saved[max(record.saved)]
    return {
        name: array
        for name, array in arrays.items()
        if name.startswith(("params.", "model_state."))
    }


def _difference(whole: Record, other: Record, steps: Sequence[int]) -> str:
    """The first thing in which two records differ, and after which step; empty if nothing does."""
    for step in steps:
        (arrays, state), (others, other_state) = whole.saved[step], other.saved[step]
        if name := first_difference(arrays, others):
            return f"{name} after step {step}"
        if state != other_state:
            return f"the optimizer state after step {step}"
    return ""
