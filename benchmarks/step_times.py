"""Seconds of a training step at full size on CPU, both backends, beside the official code's.

    python -m benchmarks.step_times [--workload W ...] [--steps 6]

A step is forward, backward and plain SGD on one fixed batch of the size that the official figures
were measured on. Each is timed in a process of its own, on as many processors as the heading says:
the official JAX figures are from two, the official PyTorch ones from one. `cpu` is processor
seconds over all threads; on a machine that does other work as well, compare these. The ratio in the
last column is of processor seconds on one processor.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

LEARNING_RATE = 1e-3


class Seconds(NamedTuple):
    """Of one step: medians."""

    wall: float
    cpu: float


class Official(NamedTuple):
    jax: Seconds  # jax 0.7.0 on two processors
    pytorch: Seconds  # torch 2.13.0, one thread


# Measured on the official implementation with two nearly idle processors of an x86-64 server.
OFFICIAL = {
    "mnist": Official(Seconds(0.000174, 0.000236), Seconds(0.000370, 0.000372)),
    "cifar": Official(Seconds(0.1466, 0.2786), Seconds(0.1676, 0.1676)),
    "criteo1tb": Official(Seconds(1.238, 1.563), Seconds(2.803, 2.803)),
    "fastmri": Official(Seconds(4.275, 8.160), Seconds(3.043, 3.043)),
    "imagenet_resnet": Official(Seconds(1.549, 2.930), Seconds(1.419, 1.418)),
    "imagenet_vit": Official(Seconds(0.5887, 1.069), Seconds(0.8570, 0.8570)),
    "ogbg": Official(Seconds(0.0451, 0.0743), Seconds(0.0539, 0.0540)),
    "wmt": Official(Seconds(1.515, 2.683), Seconds(1.864, 1.864)),
    "librispeech_conformer": Official(Seconds(2.420, 4.580), Seconds(3.320, 3.320)),
    "librispeech_deepspeech": Official(Seconds(7.171, 11.595), Seconds(3.928, 3.928)),
}
MEASURED = (("jax", 2), ("pytorch", 1), ("jax", 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", nargs="+", choices=OFFICIAL, default=list(OFFICIAL))
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--only", nargs=2, metavar=("BACKEND", "PROCESSORS"), help="one as JSON")
    options = parser.parse_args()
    if options.only:
        backend, processors = options.only
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(processors)])
        seconds = measure(MAKERS[backend](options.workload[0], int(processors)), options.steps)
        print(json.dumps(seconds))
        return
    print(
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start; seconds a step"
    )
    print(f"{'':16} {'JAX, two processors':^38} {'PyTorch, one processor':^38} {'one, cpu':>8}")
    columns = f"{'wall':>8} {'cpu':>8} {'official':>8} {'x cpu':>8}"
    print(f"{'workload':16} {columns:>38} {columns:>38} {'JAX/PT':>8}")
    for workload in options.workload:
        jax_two, pytorch, jax_one = (
            ask(workload, backend, processors, options.steps) for backend, processors in MEASURED
        )
        official = OFFICIAL[workload]
        print(
            f"{workload:16} {_cells(jax_two, official.jax)} {_cells(pytorch, official.pytorch)}",
            end="",
        )
        print(f" {jax_one.cpu / pytorch.cpu:8.2f}", flush=True)


def _cells(found: Seconds, official: Seconds) -> str:
    ratio = found.cpu / official.cpu
    return f"{found.wall:10.4f} {found.cpu:8.4f} {official.cpu:8.4f} {ratio:8.2f}"


def ask(workload: str, backend: str, processors: int, steps: int) -> Seconds:
    """Measures in a new process, so that neither framework's threads wait beside the other's."""
    command = [sys.executable, "-m", "benchmarks.step_times", "--workload", workload]
    command += ["--steps", str(steps), "--only", backend, str(processors)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Seconds(*json.loads(result.stdout))


def measure(step: Callable[[], None], count: int) -> Seconds:
    """Medians over `count` calls, after two that are not counted."""
    walls, cpus = [], []
    for number in range(-2, count):
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        if number >= 0:
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    return Seconds(statistics.median(walls), statistics.median(cpus))


def jax_step(name: str, processors: int) -> Callable[[], None]:
    import jax

    from backends.jax import placement
    from backends.jax.workload import Workload
    from conformance.golden import streams
    from spec import loading
    from spec.interface import ForwardPassMode

    workload = Workload(loading.load_workload(name), "v0.6")
    batch = placement.place_batch(streams.batch(name))
    key = placement.rng(np.zeros(2, np.uint32))
    model = workload.init_model_fn(key)

    def update(params: Any, state: Any) -> Any:
        def mean_loss(params: Any) -> Any:
            logits, new = workload.model_fn(
                params, batch, state, ForwardPassMode.TRAIN, key, update_batch_norm=True
            )
            loss = workload.loss_fn(batch["targets"], logits, batch.get("weights"))
            return loss["summed"] / loss["n_valid_examples"], new

        gradients, new = jax.grad(mean_loss, has_aux=True)(params)
        return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, gradients), new

    update = jax.jit(update, donate_argnums=(0, 1))

    def step() -> None:
        nonlocal model
        model = jax.block_until_ready(update(*model))

    return step


def pytorch_step(name: str, processors: int) -> Callable[[], None]:
    import torch

    from backends.pytorch import placement
    from backends.pytorch.workload import Workload
    from conformance.golden import streams
    from spec import loading
    from spec.interface import ForwardPassMode

    torch.set_num_threads(processors)
    workload = Workload(loading.load_workload(name), "v0.6")
    batch = placement.place_batch(streams.batch(name))
    key = placement.rng(np.zeros(2, np.uint32))
    model, state = workload.init_model_fn(key)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step() -> None:
        optimizer.zero_grad()
        logits, _ = workload.model_fn(
            model, batch, state, ForwardPassMode.TRAIN, key, update_batch_norm=True
        )
        loss = workload.loss_fn(batch["targets"], logits, batch.get("weights"))
        (loss["summed"] / loss["n_valid_examples"]).backward()
        optimizer.step()

    return step


MAKERS = {"jax": jax_step, "pytorch": pytorch_step}

if __name__ == "__main__":
    main()
