"""Kills the real command at random places and resumes it: the result is that of a run that was left
alone, to the bit. So it is where the killed run was isolated and the other was not.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness import events, sandbox
from spec import timeline
from spec.event_pb2 import Event
from spec.timing_pb2 import Outcome

# Evaluates and makes a checkpoint after every step, and kills itself at the n-th of the calls that
# write something: events, progress, files of a checkpoint and their names.
PROGRAM = """
import os, signal, sys
from spec import loading

loading.load_workload(sys.argv[1]).rules["v0.6"].eval_period_sec = 0
calls_left = int(sys.argv[2])

def deadly(function):
    def call(*args, **kwargs):
        global calls_left
        calls_left -= 1
        if calls_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call

for name in ("write", "pwrite", "fsync", "rename"):
    setattr(os, name, deadly(getattr(os, name)))

from cli import main
sys.exit(main.main(["run", "--workload", sys.argv[1], *sys.argv[3:]]))
"""
ENVIRONMENT = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
needs_bubblewrap = pytest.mark.skipif(bool(sandbox.obstacle()), reason=sandbox.obstacle())
NEVER = -1
NUM_STEPS = 6
CALLS_PER_STEP = 10  # a few more or less


def run(
    workload: str, backend: str, out: Path, calls: int = NEVER, more: Sequence[str] = ()
) -> int:
    options = ["--backend", backend, "--max-steps", str(NUM_STEPS), "--out", str(out), "--resume"]
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, workload, str(calls), *options, *more],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return process.returncode


def what_happened(out: Path) -> list[object]:
    """Everything in the log that counts and is no time or place."""
    told: list[object] = []
    for event in timeline.counted(events.read_log(out / "events.jsonl").events):
        if event.HasField("scalar_metrics"):
            told.append((event.scalar_metrics.global_step, dict(event.scalar_metrics.metrics)))
        elif event.HasField("evaluation"):
            told.append((event.evaluation.global_step, dict(event.evaluation.metrics)))
        elif event.HasField("trial_ended"):
            told.append((event.trial_ended.outcome, event.trial_ended.global_step))
    return told


def last_checkpoint(out: Path) -> tuple[bytes, object]:
    """All arrays and the submission's state at the end."""
    folders = (out / "checkpoints").iterdir()
    last = max(folders, key=lambda path: int(path.name.split("-")[0]))
    content = json.loads((last / "state.json").read_text())["content"]
    assert content["step"] == content["num_batches"] == NUM_STEPS
    return (last / "arrays.safetensors").read_bytes(), content["state"]


def check_times(log: list[Event]) -> None:
    """Time never goes back on the timeline that counts, and each going back is on record."""
    counted = timeline.counted(log)
    times = [event.clock.timed_sec for event in counted if event.HasField("evaluation")]
    assert times == sorted(set(times))
    for event in log:
        if event.HasField("trial_resumed"):
            assert event.trial_resumed.lost_steps >= 0
            assert event.trial_resumed.lost_timed_sec >= 0


@pytest.mark.parametrize(
    ("workload", "backend", "num_kills", "more"),
    [
        ("digits_resnet", "jax", 3, []),  # has batch statistics
        ("digits_resnet", "pytorch", 3, []),
        ("digits_vit", "pytorch", 1, []),  # has dropout, from PyTorch's own generator
        pytest.param("digits_resnet", "jax", 1, ["--isolate"], marks=needs_bubblewrap),
        pytest.param("digits_vit", "pytorch", 1, ["--isolate"], marks=needs_bubblewrap),
    ],
)
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    workload: str, backend: str, num_kills: int, more: list[str], tmp_path: Path
) -> None:
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert run(workload, backend, alone) == 0
    numbers = random.Random(num_kills)
    for _ in range(num_kills):
        calls = numbers.randrange(1, 2 * CALLS_PER_STEP)
        assert run(workload, backend, killed, calls, more) == -signal.SIGKILL
    assert run(workload, backend, killed, more=more) == 0
    log = events.read_log(killed / "events.jsonl")
    assert log.problems == []
    assert sum(event.HasField("trial_resumed") for event in log.events) == num_kills
    assert what_happened(killed) == what_happened(alone)
    assert what_happened(alone)[-1] == (Outcome.STEP_LIMIT, NUM_STEPS)
    assert last_checkpoint(killed) == last_checkpoint(alone)
    check_times(log.events)
    verdict = subprocess.run(
        [sys.executable, "-m", "cli.main", "verify", str(killed), "--against", str(alone)],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert verdict.returncode == 0
