"""One trial on one device and on two, in one process and in two: the same experiment. And what becomes of
it when a process dies.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from conformance import devices
from harness import events
from spec.timing_pb2 import Outcome

ROOT = Path(__file__).parent.parent
PATIENCE_SEC = 300  # far above what any of this takes: a hang is a failure
OPTIONS = ["--submission", "nadamw", "--ruleset", "self", "--max-steps", "6"]
# Sums over the batch are taken in another order. Losses differ by a few of float32's last digits; so do
# gradients, and NadamW makes a step of full length of those that are nearly nothing.
LOSS_TOLERANCE = 2e-6
PARAMETER_TOLERANCE = 1e-4  # of the length of the way that all parameters have moved
PUBLISHED = ROOT / "compat" / "testdata" / "v05_external_pytorch" / "submission.py"
TANDEM = "import sys; from cli import main; sys.exit(main.main(sys.argv[1:]))"
DYING = """
import os, signal
from submissions.nadamw import submission_pytorch as nadamw
from submissions.nadamw.submission_pytorch import *

def update_params(**arguments):
    if arguments["global_step"] == 2 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return nadamw.update_params(**arguments)
"""


def environments(framework: str, num_processes: int, num_devices: int = 1) -> list[dict[str, str]]:
    """What each process is told, as torchrun or a script for several hosts does."""
    common = {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "PATH": "/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "OMP_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={num_devices}",
    }
    if num_processes == 1:
        return [common]
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    if framework == "jax":
        of_all = {"COORDINATOR_ADDRESS": f"localhost:{port}", "NUM_PROCESSES": str(num_processes)}
        of_each = [of_all | {"PROCESS_ID": str(index)} for index in range(num_processes)]
        return [common | {f"JAX_{name}": v for name, v in each.items()} for each in of_each]
    of_all = {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(num_processes),
    }
    ranks = [{"RANK": str(index), "LOCAL_RANK": str(index)} for index in range(num_processes)]
    return [common | of_all | each for each in ranks]


def run(program: list[str], told: list[dict[str, str]], out: Path) -> list[int]:
    """The exit statuses of the processes; what they print is beside the run folder."""
    processes = []
    for index, environment in enumerate(told):
        with out.with_name(f"{out.name}.{index}.txt").open("w") as file:
            command = [sys.executable, *program, "--out", str(out)]
            processes.append(
                subprocess.Popen(command, env=environment, cwd=ROOT, stdout=file, stderr=file)
            )
    try:
        return [process.wait(PATIENCE_SEC) for process in processes]
    finally:
        for process in processes:
            process.kill()


class Trial:
    """What a run folder holds."""

    def __init__(self, out: Path):
        log = events.read_log(out / events.FILE).events
        self.ended = log[-1].trial_ended
        self.started = [e.trial_started for e in log if e.HasField("trial_started")][-1]
        scalars = [e.scalar_metrics for e in log if e.HasField("scalar_metrics")]
        self.losses = np.array([s.metrics["loss"] for s in scalars])
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
        return Trial(out)

    one = trial(1, 1)
    for arrangement in arrangements:
        many = trial(*arrangement)
        assert many.started.num_devices == 2
        assert_same(one, many)


def test_a_published_submission_takes_the_same_steps_in_two_processes(tmp_path: Path) -> None:
    trials: list[Any] = []
    for count in (1, 2):
        out = tmp_path / str(count)
        program = ["-c", TANDEM, "run", f"--submission={PUBLISHED}", "--workload=tiny/mnist"]
        program.append("--max-steps=5")
        assert run(program, environments("pytorch", count), out) == [0] * count
        trials.append(Trial(out))
    assert_same(*trials)


def test_a_process_that_dies_ends_the_trial(tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(DYING)
    out = tmp_path / "run"
    program = ["-m", "backends.pytorch.run", "--workload=tiny/mnist", "--ruleset=self"]
    program.append(f"--submission={tmp_path / 'dying.py'}")
    assert run(program, environments("pytorch", 2), out) == [1, -signal.SIGKILL]
    ended = events.read_log(out / events.FILE).events[-1].trial_ended
    assert ended.outcome == Outcome.HARNESS_ERROR
    assert ended.message == "rank 1: it ended without a word, as if it was killed"
