"""Time of beam search on one batch of sentences against one training step on as many packed rows.

    python -m benchmarks.beam_search [--workload tiny/wmt] [--batch-size 64]

Medians of CPU and wall seconds, on parameters trained for a moment so that sentences end. Each
backend runs in a process of its own.
"""

import argparse
import importlib
import multiprocessing
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.testee.course import point_of
from conformance.testee.testee import Testee
from inputs import pipeline
from spec import loading, rng

BOUND = 2.0
REPEATS = 20
TRIAL = 4  # of nadamw's points: the one that learns this the fastest
Seconds = tuple[float, float]


def measured(function: Callable[[], Any]) -> Seconds:
    """Medians of (CPU, wall) seconds."""
    times = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpus, walls = zip(*times, strict=True)
    return statistics.median(cpus), statistics.median(walls)


def one_backend(backend: str, name: str, batch_size: int, num_steps: int) -> dict[str, Seconds]:
    """Seconds of a `step` and of a `search`."""
    testee: Testee = importlib.import_module(f"conformance.testee.testee_{backend}").open_testee()
    module = importlib.import_module(f"backends.{backend}.workload")
    message = loading.load_workload(name)
    workload = module.Workload(message, "v0.6")
    nadamw = testee.source("nadamw")
    submission, point = testee.functions(nadamw), point_of(nadamw, TRIAL)
    params, state = workload.init_model_fn(rng.key_words(0, "model"))
    optimizer = submission.init_optimizer_state(
        workload, params, state, point, rng.key_words(0, "optimizer")
    )
    batches = map(testee.place, pipeline.TrainBatches(message, 0, batch_size))
    number = 0

    def step() -> None:
        nonlocal optimizer, params, state, number
        optimizer, params, state = submission.update_params(
            workload=workload,
            current_param_container=params,
            current_params_types=workload.model_params_types,
            model_state=state,
            hyperparameters=point,
            batch=next(batches),
            loss_type=workload.loss_type,
            optimizer_state=optimizer,
            eval_results=[],
            global_step=number,
            rng=rng.key_words(0, "update", step=number),
        )
        number += 1

    for _ in range(num_steps):
        step()
    of_step = measured(step)
    source = pipeline.open_source(message)
    sentences = testee.place(source.batch("validation", np.arange(batch_size), None))

    def search() -> None:
        testee.fetch(workload.translate_fn(params, sentences))

    search()
    return {"step": of_step, "search": measured(search)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", default="tiny/wmt")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    print("backend       step CPU ms   search CPU ms   ratio    step ms   search ms   ratio")
    for backend in ("jax", "pytorch"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            arguments = (backend, options.workload, options.batch_size, options.steps)
            found = pool.apply(one_backend, arguments)
        cells = []
        for place in (0, 1):
            step, search = found["step"][place], found["search"][place]
            cells.append(f"{1000 * step:11.2f} {1000 * search:15.2f} {search / step:7.2f}")
        verdict = "ok" if found["search"][0] < BOUND * found["step"][0] else "MISSED"
        print(f"{backend:10} {'  '.join(cells)}  below {BOUND:g}: {verdict}")


if __name__ == "__main__":
    main()
