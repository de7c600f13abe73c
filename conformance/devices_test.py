"""One trial on one device and on two, in one process and in two: the same experiment. And what becomes of
it when a process dies.
"""

import signal
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from conformance import devices
from harness import events
from harness.processes import environments, run
from spec.timing_pb2 import Outcome

OPTIONS = ["--submission", "nadamw", "--ruleset", "self", "--max-steps", "6"]
# Sums over the batch are taken in another order. Losses differ by a few of float32's last digits; so do
# gradients, and NadamW makes a step of full length of those that are nearly nothing.
LOSS_TOLERANCE = 2e-6
PARAMETER_TOLERANCE = 1e-4  # of the length of the way that all parameters have moved
DYING = """
import os, signal
from submissions.nadamw import submission_pytorch as nadamw
from submissions.nadamw.submission_pytorch import *

def update_params(**arguments):
    if arguments["global_step"] == 2 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return nadamw.update_params(**arguments)
"""


class Trial:
    """What a run folder holds."""

    def __init__(self, out: Path):
        log = events.read_log(out / events.FILE).events
        self.ended = log[-1].trial_ended
        self.started = [e.trial_started for e in log if e.HasField("trial_started")][-1]
        scalars = [e.scalar_metrics for e in log if e.HasField("scalar_metrics")]
        self.losses = np.array([[s.metrics[n] for n in ("loss", "grad_norm")] for s in scalars])
        self.evaluations = [dict(e.evaluation.metrics) for e in log if e.HasField("evaluation")]
        folders = sorted((out / "checkpoints").iterdir(), key=lambda p: int(p.name.split("-")[1]))
        self.first, self.last = (
            {k: v for k, v in arrays.items() if k.startswith(("params.", "model_state."))}
            for arrays in (
                safetensors.numpy.load_file(folder / "arrays.safetensors")
                for folder in (folders[0], folders[-1])
            )
        )


def assert_same(one: Trial, many: Trial) -> None:
    assert one.ended.outcome == many.ended.outcome == Outcome.STEP_LIMIT
    assert len(one.losses) == len(many.losses) > 0
    np.testing.assert_allclose(many.losses, one.losses, rtol=LOSS_TOLERANCE)
    for a, b in (
        (one.evaluations[0], many.evaluations[0]),
        (one.evaluations[-1], many.evaluations[-1]),
    ):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_allclose(b[name], a[name], rtol=1e-5, err_msg=name)
    moved = distance(one.first, one.last)
    assert distance(one.last, many.last) < PARAMETER_TOLERANCE * moved
    assert moved > 0


def distance(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    assert a.keys() == b.keys()
    return float(np.sqrt(sum(np.sum(np.square(a[name] - b[name])) for name in a)))


@pytest.mark.parametrize(
    ("framework", "arrangements"),
    [("pytorch", [(2, 1)]), ("jax", [(1, 2), (2, 1)])],
)
def test_the_number_of_devices_changes_nothing(
    tmp_path: Path, framework: str, arrangements: list[tuple[int, int]]
) -> None:
    def trial(num_processes: int, num_devices: int) -> Trial:
        out = tmp_path / f"{num_processes}-{num_devices}"
        told = environments(framework, num_processes, num_devices)
        program = ["-m", devices.__name__, framework, *OPTIONS]
        assert run(program, told, out) == [0] * num_processes
        printed = out.with_name(f"{out.name}.0.txt").read_text()
        assert printed.count("Compiling jit(train_step)") == (framework == "jax")
        return Trial(out)

    one = trial(1, 1)
    for arrangement in arrangements:
        many = trial(*arrangement)
        assert many.started.num_devices == 2
        assert_same(one, many)


def test_a_process_that_dies_ends_the_trial(tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(DYING)
    out = tmp_path / "run"
    program = ["-m", "backends.pytorch.run", "--workload=tiny/mnist", "--ruleset=self"]
    program.append(f"--submission={tmp_path / 'dying.py'}")
    assert run(program, environments("pytorch", 2), out) == [1, -signal.SIGKILL]
    ended = events.read_log(out / events.FILE).events[-1].trial_ended
    assert ended.outcome == Outcome.HARNESS_ERROR
    assert ended.message == "rank 1: it ended without a word, as if it was killed"
