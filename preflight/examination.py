"""What running a submission on tiny workloads shows, in a process of one framework.

    python -m preflight.examination --backend jax --submission PATH --out FOLDER

leaves `answer.json` in FOLDER, an `Answer`, and <workload>.npz: how far every parameter went after
the first step. `--devices` asks for nothing but these, for a few workloads.
"""

import argparse
import ast
import contextlib
import dataclasses
import functools
import importlib
import json
import os
import tempfile
import traceback
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format

from harness import submission, tuning
from harness.errors import SubmissionError, printable
from harness.submission import Source
from preflight.findings import Finding
from preflight.memory import RULESET
from preflight.rehearsal import NUM_STEPS, STOP_AFTER, Record, Stage, first_difference, state_bytes
from preflight.watch import Company
from spec import loading, rng
from spec.files import write_text
from spec.submission_pb2 import Framework
from spec.workload_pb2 import Workload

WORKLOADS = tuple(f"tiny/{name}" for name in RULESET.base_workloads)
# With transposed convolutions, batch norm, and embeddings and attention.
RENAMED = ("tiny/fastmri", "tiny/imagenet_resnet", "tiny/wmt")
ON_DEVICES = ("tiny/criteo1tb", "tiny/imagenet_resnet")  # that are compared between numbers of them
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


@dataclasses.dataclass
class Answer:
    """What an examination found out.

    Attributes:
      batch_sizes: the submission's own, by workload.
      state_bytes: of its state before the first step, by workload of full size.
      growth: bytes that its state gets in the first steps for each byte of parameters, by tiny
        workload.
    """

    findings: list[Finding] = dataclasses.field(default_factory=list)
    batch_sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    state_bytes: dict[str, int] = dataclasses.field(default_factory=dict)
    growth: dict[str, float] = dataclasses.field(default_factory=dict)


class Examination:
    """One submission on one framework.

    Attributes:
      answer: what was found out besides findings.
      moves: how far every parameter went after the first step, by workload.
    """

    def __init__(self, source: Source, framework: Framework, renamed: Collection[str] = RENAMED):
        """`renamed` are the workloads on which other names are tried."""
        self.answer = Answer()
        self.moves: dict[str, dict[str, np.ndarray]] = {}
        self._source, self._renamed = source, renamed
        self._name = Framework.Name(framework).lower()
        self._tools = importlib.import_module(f"preflight.framework_{self._name}")
        self._tools.prepare()
        self._stage_name = ""
        self._stage: Stage | None = None

    def batch_sizes(self, num_accelerators: int) -> Iterator[Finding]:
        """Asks for the batch size of every workload that is scored."""
        wrong = []
        try:
            code = submission.load(self._source)
        except SubmissionError as error:
            yield self._raised(error)
            return
        for name in RULESET.base_workloads:
            try:
                size = code.batch_size(loading.load_workload(name), num_accelerators)
                self.answer.batch_sizes[name] = size
            except SubmissionError as error:
                wrong.append(str(error))
        if wrong:
            more = f" (and {len(wrong) - 1} more workloads)" if wrong[1:] else ""
            yield self._finding("batch_size", wrong[0] + more, function="get_batch_size")

    def measure_states(self) -> None:
        """Notes how large the submission's state is at full size, where shapes are enough to tell."""
        code, point, key = submission.load(self._source), self._point(), rng.key_words(0, "memory")
        for name in self.answer.batch_sizes:
            with contextlib.suppress(
                Exception
            ):  # it may ask for values, which nobody computes here
                self.answer.state_bytes[name] = self._tools.state_bytes(
                    loading.load_workload(name),
                    lambda *model: code.init_optimizer_state(*model, point, key),
                )

    def rehearse(self, workloads: Sequence[str] = WORKLOADS) -> Iterator[Finding]:
        """All that rehearsals on these workloads show; where that is nothing, also on models of sizes
        that no workload has.
        """
        is_good = True
        for name in workloads:
            for finding in self._examine(loading.load_workload(name), name in self._renamed):
                is_good = False
                yield finding
        if is_good:
            yield from self._examine_unseen()

    def _examine_unseen(self) -> Iterator[Finding]:
        """Under self-tuning where the submission stands for that, so that it is seen too."""
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
            self._note(workload, record)

    def _note(self, name: str, record: Record) -> None:
        if not {1, NUM_STEPS} <= record.saved.keys():
            return
        (first, _), (last, _) = record.saved[1], record.saved[NUM_STEPS]
        moves = {k: array - first[k] for k, array in last.items() if k.startswith("params.")}
        self.moves[name] = moves
        growth = state_bytes(last) - record.first_state_bytes
        self.answer.growth[name] = growth / sum(array.nbytes for array in moves.values())

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
            self._note(workload.name, whole)
            findings = list(self._compare_parts(stage, whole, places[1]))
            yield from findings
            if with_other_names and not findings:
                yield from self._compare_names(stage, whole, places[2])

    def _first(self, stage: Stage, folder: Path) -> tuple[Record | None, list[Finding]]:
        """The rehearsal that others are held against, and what is wrong with it by itself."""
        company = Company()
        try:
            record = stage.rehearse(folder)
        except Exception as error:  # mostly a SubmissionError; what else is odd about a submission
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
            message = "init_optimizer_state changes parameters before the clock runs"
            yield init(message, detail=record.early_change)
        if record.late_change:
            message = "evaluating or saving changes what is trained"
            yield self._finding("untimed_work", message, detail=record.late_change)
        for remark in record.remarks:
            if remark.startswith("this submission cannot be resumed"):
                yield self._finding("resumable", remark, function="init_optimizer_state")
            else:
                yield self._finding("interface", remark, function="update_params")
        for name, array in _values(record).items() if record.saved else ():
            if not np.isfinite(array).all():
                message = f"not finite after {NUM_STEPS} steps"
                yield self._finding("finite", message, "update_params", name)
                return
        if record.saved and NUM_STEPS not in record.saved:
            message = f"training ended after {max(record.saved)} steps, expected {NUM_STEPS}"
            yield self._finding("ends", message, function="update_params")

    def _company_findings(self, company: Company) -> Iterator[Finding]:
        if names := [thread.name for thread in company.threads()]:
            yield self._finding("threads", f"left running: {', '.join(names)}")
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
                message = "two rehearsals with one seed differ"
                yield self._finding("deterministic", message, "update_params", difference)
                return
            resumed = stage.rehearse(folder)
        except Exception as error:  # RestoreError among others
            message = printable(error).replace(f"{folder}{os.sep}", "")
            yield self._finding("resumable", message, function="init_optimizer_state")
            return
        if difference := _difference(whole, resumed, range(STOP_AFTER, NUM_STEPS + 1)):
            message = f"stopped after step {STOP_AFTER} and resumed, it goes another way"
            yield self._finding("resumable", message, "update_params", difference)

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
            yield found("under other names it does something else", detail=difference)

    def _open(self, workload: Workload, point: Any, batch_size: int) -> Stage:
        self._stage_name = workload.name
        return Stage(self._source, point, workload, self._tools.Backend, batch_size)

    def _point(self) -> Any:
        path = self._source.search_space()
        if path is None:
            return None
        points = tuning.read_points(path, RULESET.trials_per_study, seed=0)
        return tuning.as_object(points[0])

    def _finding(self, rule: str, message: str, function: str = "", detail: str = "") -> Finding:
        """At the definition of one of the interface's functions; `detail` may differ by workload."""
        line = definition_line(self._source.module, function) if function else 0
        return self._at(str(self._source.module), line, rule, message, detail)

    def _at(self, file: str, line: int, rule: str, message: str, detail: str = "") -> Finding:
        path = os.path.relpath(file, self._source.folder)
        where = " ".join(filter(None, [self._name, self._stage_name, detail]))
        return Finding(rule, " ".join(message.split()), path, line, where)

    def _raised(self, error: BaseException) -> Finding:
        """What the submission raised, at the deepest of its own lines."""
        message = printable(error) or type(error).__name__
        if place := _own_frame(error, self._source.folder):
            return self._at(*place, "interface", message)
        names = [
            m.name for m in submission.METHODS if message.startswith((m.name, f"function {m.name}"))
        ]
        return self._finding("interface", message, function=names[0] if names else "update_params")


def unseen(base: str, change: str) -> Workload:
    """A workload with another one's fields, but for those of a textproto."""
    return loading.overlay(loading.load_workload(base), text_format.Parse(change, Workload()))


def definition_line(module: Path, name: str) -> int:
    """Where a module binds a name at its top level, the last time; 0 if it does not."""
    line = 0
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        targets = getattr(node, "targets", [])
        bound = {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
        if getattr(node, "name", None) == name or name in bound:
            line = node.lineno
    return line


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


def main() -> None:
    parser = argparse.ArgumentParser(description="Rehearses a submission on tiny workloads.")
    parser.add_argument("--backend", required=True, choices=["jax", "pytorch"])
    parser.add_argument("--submission", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--devices", action="store_true")
    parser.add_argument("--num-accelerators", type=int, default=1)
    arguments = parser.parse_args()
    framework = Framework.Value(arguments.backend.upper())
    source = submission.find("", arguments.submission, framework)
    examination = Examination(source, framework)
    answer = examination.answer
    if arguments.devices:
        for name in ON_DEVICES:
            answer.findings += examination.once(name)
    else:
        answer.findings += examination.batch_sizes(arguments.num_accelerators)
        answer.findings += examination.rehearse()
        if answer.batch_sizes:
            examination.measure_states()
    for name, moves in examination.moves.items():
        (arguments.out / name).parent.mkdir(exist_ok=True)
        np.savez(arguments.out / f"{name}.npz", **moves)  # type: ignore[arg-type]  # numpy's stub
    write_text(arguments.out / "answer.json", json.dumps(dataclasses.asdict(answer)))


if __name__ == "__main__":
    main()
