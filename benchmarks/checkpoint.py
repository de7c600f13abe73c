"""Prints how long it takes to make a checkpoint of a workload's full size, and to restore it.

    python -m benchmarks.checkpoint --backend jax|pytorch [--workload W] [--folder DIR]

Parameters and submission's state are first values of `nadamw`: two moments for each parameter, and
in PyTorch gradients. Saving ends when the bundle is on the disk and has its name.
"""

import argparse
import importlib
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from harness import checkpoint, submission, tuning
from harness.checkpoint import Keeper
from harness.lock import RunLock
from spec.event_pb2 import TrialStarted
from spec.loading import load_workload
from spec.submission_pb2 import Framework

BOUND_SEC = 2.0
REPETITIONS = 3


def state_of(backend: Any, framework: str) -> tuple[Any, Any, Any]:
    """(params, model_state, optimizer_state) as training begins."""
    name = Framework.Value(framework.upper())
    source = submission.find("nadamw", Path("nadamw"), name)
    space = source.search_space()
    assert space is not None
    (point,) = tuning.read_points(space, 1, seed=0)[:1]
    key = backend.rng(np.array([1, 2], np.uint32))
    params, model_state = backend.workload.init_model_fn(key)
    optimizer_state = submission.load(source).init_optimizer_state(
        backend.workload, params, model_state, tuning.as_object(point), key
    )
    if framework == "pytorch":
        for parameter in params.parameters():
            parameter.grad = parameter.detach().clone()
    return params, model_state, optimizer_state


def measure(backend: Any, state: tuple[Any, Any, Any], folder: Path) -> tuple[float, float, int]:
    """Seconds to save and to restore, and bytes."""
    trial = TrialStarted(workload=backend.workload.message)
    lock = RunLock(folder)
    keeper = Keeper(folder, trial, lock)
    start = time.perf_counter()
    arrays, described = backend.save(*state)
    content = {"step": 1, "first_lost_event": 1, "state": described}
    keeper.save(1, 1, content, arrays)
    saved = time.perf_counter()
    num_bytes = sum(array.nbytes for array in arrays.values())
    del arrays
    begin = time.perf_counter()
    (found,), _ = checkpoint.read_all(folder, checkpoint.identity(trial))
    backend.restore(found.arrays(), found.content["state"], *state)
    end = time.perf_counter()
    lock.close()
    return saved - start, end - begin, num_bytes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", choices=["jax", "pytorch"], required=True)
    parser.add_argument("--workload", default="imagenet_vit", help="(default: imagenet_vit)")
    parser.add_argument("--folder", help="on the disk to measure (default: the temporary one)")
    arguments = parser.parse_args()
    module = importlib.import_module(f"backends.{arguments.backend}.run")
    backend = module.Backend(load_workload(arguments.workload), "v0.6")
    state = state_of(backend, arguments.backend)
    print(f"checkpoints of {arguments.workload} on {arguments.backend}, seconds")
    print(f"{'MB':>8} {'save':>8} {'bound':>8} {'restore':>8}")
    for _ in range(REPETITIONS):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            save_sec, restore_sec, num_bytes = measure(backend, state, Path(folder))
        print(f"{num_bytes / 1e6:8.1f} {save_sec:8.2f} {BOUND_SEC:8.2f} {restore_sec:8.2f}")


if __name__ == "__main__":
    main()
