"""Time and memory of a step of every reference submission, apart from the model's, in both frameworks.

    python -m benchmarks.optimizer_overhead [--workload W ...] [--submission S ...] [--steps 10]

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
| JAX/PT | time in JAX over time in PyTorch |
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
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
    parser.add_argument("--only", choices=FRAMEWORKS, help="one workload and submission, as JSON")
    options = parser.parse_args()
    if options.only:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
        print(
            json.dumps(
                measure(options.only, options.submission, options.workload[0], options.steps)
            )
        )
        return
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, of which one is used; load {load:.1f} at the start")
    for workload in options.workload:
        print(f"\n{workload}\n{'':24}{'JAX':^31}{'PyTorch':^31}")
        columns = f"{'ms':>9}{'x lib':>8}{'state':>7}{'more':>7}"
        print(f"{'submission':24}{columns}{columns}{'JAX/PT':>8}", flush=True)
        chosen = dict.fromkeys([LIBRARY, *options.submission])
        library: dict[str, float] = {}
        nothing = {f: ask(f, NOTHING, workload, options.steps).seconds for f in FRAMEWORKS}
        for submission in chosen:
            found = {f: ask(f, submission, workload, options.steps) for f in FRAMEWORKS}
            own = {f: max(cost.seconds - nothing[f], 0.0) for f, cost in found.items()}
            library = library or own
            print(row(submission, found, own, library), flush=True)


def row(
    submission: str,
    found: Mapping[str, Cost],
    own: Mapping[str, float],
    library: Mapping[str, float],
) -> str:
    cells = [
        f"{1e3 * own[f]:9.2f}{own[f] / library[f]:8.2f}{found[f].state:7.2f}{found[f].more:7.2f}"
        for f in FRAMEWORKS
    ]
    return f"{submission:24}{''.join(cells)}{own['jax'] / own['pytorch']:8.2f}"


def ask(framework: str, submission: str, workload: str, steps: int) -> Cost:
    """Measures in a new process, whose largest memory is the measurement's."""
    command = [sys.executable, "-m", "benchmarks.optimizer_overhead", "--only", framework]
    command += ["--workload", workload, "--steps", str(steps)]
    command += ["--submission", submission] if submission != NOTHING else ["--submission"]
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
