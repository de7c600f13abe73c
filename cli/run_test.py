"""The main job with the real command, frameworks and data; a few steps of it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import events
from spec.event_pb2 import Event
from spec.timing_pb2 import Outcome

BACKENDS = ["jax", "pytorch"]


def tandem(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", *arguments]


def environment() -> dict[str, str]:
    """A user's: XLA compiles as for training. But one thread of PyTorch's, as for all tests."""
    return {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "PATH": "/usr/bin:/bin",
        "OMP_NUM_THREADS": "1",
    }


def run(backend: str, out: Path, *options: str) -> list[Event]:
    command = tandem("run", "--backend", backend, "--out", str(out), *options)
    subprocess.run(command, check=True, env=environment(), stdout=subprocess.DEVNULL)
    return list(events.read_log(out / "events.jsonl").events)


def losses(log: list[Event]) -> list[tuple[int, float]]:
    scalars = [event.scalar_metrics for event in log if event.HasField("scalar_metrics")]
    return [(s.global_step, s.metrics["loss"]) for s in scalars]


@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_seeds_give_equal_losses(backend: str, tmp_path: Path) -> None:
    options = ["--workload", "digits_resnet", "--max-steps", "12", "--seed", "3"]
    first, second = (run(backend, tmp_path / name, *options) for name in ("a", "b"))
    assert first[-1].trial_ended.outcome == Outcome.STEP_LIMIT
    assert [step for step, _ in losses(first)] == list(range(12))
    assert losses(first) == losses(second)
    provenance = [e.trial_started for e in first if e.HasField("trial_started")][-1].provenance
    flags = (
        provenance.environment["XLA_FLAGS"].split() if "XLA_FLAGS" in provenance.environment else []
    )
    assert ("--xla_gpu_deterministic_ops=true" in flags) == (backend == "jax")  # set by the backend


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_run_scores_as_interrupted(backend: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = tandem("run", "--backend", backend, "--out", str(out))
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step"):  # the first evaluation is in the log
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    scored = subprocess.run(
        tandem("score", str(out)), env=environment(), capture_output=True, text=True, check=False
    )
    assert "interrupted" in scored.stdout.lower(), scored.stderr
