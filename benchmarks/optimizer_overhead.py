"""Time and memory of a step of every reference submission, apart from the model's, in both frameworks.

    python -m benchmarks.optimizer_overhead --results FILE [--workload W ...] [--submission S ...]

FILE gets a line of JSON for each measurement, with the load at its start; given again, the command measures what
is missing there. What was measured so far is printed as Markdown at the end.

A step is `update_params` on parameters of a workload's shapes with a loss whose gradient is given
(conformance/testee/gradient_field.py). What that loss takes alone is measured too, as `nothing`, and taken off.
Each figure is from a process of its own, on one processor.

Shapes are those of the full workloads, but for tables of embeddings of more than 100,000 rows, which have
that many: criteo1tb's would take 2 GB for each number kept for an entry.

| column | what |
|---|---|
| ms | processor milliseconds a step, median, without a step that renews roots of matrices, as some do every 20 or 100 |
| x lib | that over the time of `adamw`, which is the library's own: optax.adamw, torch.optim.AdamW |
| state | bytes of the optimizer's state over bytes of the parameters |
| more | most bytes that these steps held on top of what stays between steps, over bytes of the parameters |
| JAX/PyTorch | time in JAX over time in PyTorch |
"""

import argparse
import contextlib
import importlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

WORKLOADS = (
    "criteo1tb",
    "fastmri",
    "imagenet_resnet",
    "imagenet_vit",
    "librispeech_conformer",
    "librispeech_deepspeech",
    "ogbg",
    "wmt",
)
FRAMEWORKS = ("jax", "pytorch")
MOST_ROWS = 100_000
NOTHING, LIBRARY = "nothing", "adamw"
WARM_UP = 3  # steps that are not counted


COLUMNS = ("ms", "x lib", "state", "more")


class Case(NamedTuple):
    """What is measured."""

    workload: str
    submission: str
    framework: str


class Cost(NamedTuple):
    """Of a step; bytes are in units of the parameters'."""

    seconds: float
    state: float
    more: float


def main() -> None:
    from harness.submission import names

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--submission", nargs="*", choices=names(), default=names())
    parser.add_argument("--steps", type=int, default=10)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--results", type=Path, help="file of the measurements, to go on with")
    where.add_argument("--only", choices=FRAMEWORKS, help="one workload and submission, as JSON")
    options = parser.parse_args()
    if options.only:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
        found = measure(options.only, options.submission, options.workload[0], options.steps)
        print(json.dumps(found))
        return
    results = read(options.results)
    submissions = dict.fromkeys([NOTHING, LIBRARY, *options.submission])
    wanted = itertools.product(options.workload, submissions, FRAMEWORKS)
    left = [Case(*case) for case in wanted if Case(*case) not in results]
    begin = time.monotonic()
    for number, case in enumerate(left, start=1):
        load = os.getloadavg()[0]
        results[case] = ask(case, options.steps)
        note(options.results, {"case": case, "cost": results[case], "load": round(load, 1)})
        hours = (time.monotonic() - begin) / number * (len(left) - number) / 3600
        print(f"{' '.join(case)}: {number} of {len(left)}, {hours:.1f} h left", file=sys.stderr)
    print("\n".join(markdown(results)))


def read(path: Path) -> dict[Case, Cost]:
    """What was measured so far; a line that was cut off is measured again."""
    results = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError, KeyError):
            entry = json.loads(line)
            results[Case(*entry["case"])] = Cost(*entry["cost"])
    return results


def note(path: Path, entry: Mapping[str, object]) -> None:
    with path.open("a", encoding="utf-8") as file:
        print(json.dumps(entry), file=file)


def markdown(results: Mapping[Case, Cost]) -> Iterator[str]:
    """A table for each workload, of the submissions that both frameworks have been measured with."""
    from harness import provenance

    machine = provenance.collect(sys.argv)
    versions = ", ".join(f"{name} {machine.packages[name]}" for name in ("jax", "torch"))
    yield f"{machine.cpu}, one of {machine.num_cpus} processors; {versions}"
    for workload in dict.fromkeys(case.workload for case in results):
        names = sorted({case.submission for case in results if case.workload == workload})
        cases = {
            name: [Case(workload, name, framework) for framework in FRAMEWORKS] for name in names
        }
        whole = {
            name: [results[case] for case in both]
            for name, both in cases.items()
            if results.keys() >= set(both)
        }
        if {NOTHING, LIBRARY} <= whole.keys():
            yield from ("", f"## {workload}", "", *table(whole))


def table(costs: Mapping[str, Sequence[Cost]]) -> Iterator[str]:
    """Rows of one workload, the library's own optimizer first."""
    own = {
        name: [max(c.seconds - n.seconds, 0.0) for c, n in zip(found, costs[NOTHING], strict=True)]
        for name, found in costs.items()
    }
    columns = [f"{framework} {c}" for framework in ("JAX", "PyTorch") for c in COLUMNS]
    yield " | ".join(["| submission", *columns, "JAX/PyTorch |"])
    yield "|---|" + "---:|" * (len(columns) + 1)
    for name in [LIBRARY, *(n for n in costs if n not in (LIBRARY, NOTHING))]:
        cells = [name]
        for seconds, library, cost in zip(own[name], own[LIBRARY], costs[name], strict=True):
            times = [f"{1e3 * seconds:.2f}", ratio(seconds, library)]
            cells += [*times, f"{cost.state:.2f}", f"{cost.more:.2f}"]
        yield f"| {' | '.join([*cells, ratio(*own[name])])} |"


def ratio(seconds: float, other: float) -> str:
    return f"{seconds / other:.2f}" if other else "-"


def ask(case: Case, steps: int) -> Cost:
    """Measures in a new process, whose largest memory is the measurement's."""
    command = [sys.executable, "-m", "benchmarks.optimizer_overhead", "--only", case.framework]
    command += ["--workload", case.workload, "--steps", str(steps), "--submission"]
    command += [case.submission] if case.submission != NOTHING else []
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Cost(*json.loads(result.stdout))


def measure(framework: str, submissions: list[str], name: str, steps: int) -> Cost:
    """The cost of the one submission that is listed; of the loss alone if none is."""
    from conformance.testee.course import Course, point_of
    from conformance.testee.gradient_field import GradientField

    testee = importlib.import_module(f"conformance.testee.testee_{framework}").open_testee()
    checkpoint = importlib.import_module(f"backends.{framework}.checkpoint")
    workload = testee.open_field(with_few_rows(name))
    shapes = {p.name: tuple(p.shape) for p in workload.parameters}
    field = GradientField(shapes, seed=0)
    arrays = {key: g.astype(np.float32) for key, g in field.at(0).items()}
    zeros = {key: np.zeros_like(g) for key, g in arrays.items()}
    batch = testee.field_batch(workload, arrays, zeros)
    model = workload.import_model(arrays, workload.initial_state)
    size = sum(g.nbytes for g in arrays.values())
    if submissions:
        source = testee.source(submissions[0])
        course = Course(testee, workload, testee.functions(source), point_of(source, 1), 0)
    else:
        course = Course(testee, workload, Nothing(framework), None, 0)
    del arrays, zeros, field
    course.start(*model)
    seconds = []
    for number in range(WARM_UP + steps):
        if number == WARM_UP:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget VmHWM so far
            before = memory("VmRSS")
        start = time.process_time()
        course.step(number, iter([batch]))
        if framework == "jax":
            wait(course.params)
        seconds.append(time.process_time() - start)
    more = memory("VmHWM") - before
    saved, _ = checkpoint.save(workload, course.params, course.model_state, course.optimizer)
    state = sum(a.nbytes for key, a in saved.items() if key.startswith("optimizer_state"))
    return Cost(statistics.median(seconds[WARM_UP:]), state / size, more / size)


def with_few_rows(name: str) -> Any:
    """The workload's message, with at most MOST_ROWS rows in a table of embeddings."""
    from spec import loading
    from spec.workload_pb2 import Workload

    message = Workload()
    message.CopyFrom(loading.load_workload(name))
    if message.model.WhichOneof("family") == "dlrm":
        message.model.dlrm.vocabulary_size = MOST_ROWS
        message.name = f"{name}_few_rows"  # which the specification has no list of parameters for
        message.ClearField("parameter_digest")
    return message


class Nothing:
    """A submission that computes gradients and leaves the parameters as they are."""

    def __init__(self, framework: str):
        self._training = importlib.import_module(f"submissions.common.training_{framework}")
        self.data_selection = self._training.data_selection
        self._gradients = self._jax if framework == "jax" else self._pytorch

    def init_optimizer_state(self, *arguments: Any) -> Any:
        return {}

    def update_params(self, **arguments: Any) -> Any:
        params, state = arguments["current_param_container"], arguments["model_state"]
        self.gradients = self._gradients(
            arguments["workload"], params, state, arguments["batch"], arguments["rng"]
        )
        return {}, params, state

    def _jax(self, workload: Any, params: Any, state: Any, batch: Any, key: Any) -> Any:
        import jax

        if not hasattr(self, "_compiled"):
            self._compiled = jax.jit(
                lambda *given: self._training.loss_and_gradients(
                    workload, *given, (None, 0.0, None)
                )
            )
        return jax.block_until_ready(self._compiled(params, state, batch, key))

    def _pytorch(self, workload: Any, model: Any, state: Any, batch: Any, key: Any) -> Any:
        return self._training.set_gradients(workload, model, state, batch, key, None)


def wait(params: Any) -> None:
    import jax

    jax.block_until_ready(params)


def memory(entry: str) -> int:
    """Bytes that this process holds (VmRSS), or the most it has held (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{entry}:"))


if __name__ == "__main__":
    main()
