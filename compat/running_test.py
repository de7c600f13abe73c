"""Submissions in the published form, run by the command as they are: two generations, two frameworks,
pictures, tokens, graphs, speech and clicks.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import events
from harness.processes import environments, run
from spec.event_pb2 import Event
from spec.timing_pb2 import Outcome

SUBMISSIONS = Path(__file__).parent / "testdata"
CASES = {
    "jax": [("v05_external_jax", "tiny/criteo1tb"), ("v06_self_jax", "tiny/mnist")],
    "pytorch": [
        ("v05_external_pytorch", "tiny/mnist"),
        ("v05_external_pytorch", "tiny/criteo1tb"),
        ("v06_self_pytorch", "tiny/ogbg"),
        ("v06_self_pytorch", "tiny/finewebedu_lm"),
        ("v06_external_pytorch", "tiny/librispeech_deepspeech"),
    ],
}
PROGRAM = """
import json, sys
from cli import main

sys.exit(max(main.main(argv) for argv in json.loads(sys.argv[1])))
"""
STEPS = 6
ROUNDING = 1e-5  # sums over a batch are taken in another order
Log = list[Event]


@pytest.fixture(scope="module", params=CASES)
def logs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Log]:
    """The logs of a framework's cases, all run in one process, JAX's on two devices."""
    out = tmp_path_factory.mktemp(request.param)
    commands = [
        [
            "run",
            f"--submission={SUBMISSIONS / name / 'submission.py'}",
            f"--workload={workload}",
            f"--max-steps={STEPS}",
            f"--out={out / str(number)}",
        ]
        for number, (name, workload) in enumerate(CASES[request.param])
    ]
    devices = "--xla_force_host_platform_device_count=2"
    environment = os.environ | {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {devices}",
    }
    command = [sys.executable, "-c", PROGRAM, json.dumps(commands)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return [
        list(events.read_log(out / str(number) / "events.jsonl").events)
        for number in range(len(commands))
    ]


def test_published_submissions_train_unmodified(logs: list[Log]) -> None:
    for log in logs:
        started, ended = log[0].trial_started, log[-1].trial_ended
        completes_itself = started.submission.name == "v06_self_pytorch"
        expected = Outcome.COMPLETED_BY_SUBMISSION if completes_itself else Outcome.STEP_LIMIT
        assert ended.outcome == expected, ended.message
        evaluations = [event.evaluation for event in log if event.HasField("evaluation")]
        assert dict(evaluations[0].metrics) != dict(evaluations[-1].metrics)


def test_hyperparameters_come_from_the_file_beside(logs: list[Log]) -> None:
    for log in logs:
        started = [event.trial_started for event in log if event.HasField("trial_started")][-1]
        is_tuned = "external" in started.submission.name
        assert ("learning_rate" in started.hyperparameters) == is_tuned
        assert (started.submission.search_space == "tuning_search_space.json") == is_tuned


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    submission = SUBMISSIONS / "v05_external_pytorch" / "submission.py"
    command = ["run", f"--submission={submission}", "--workload=tiny/mnist", f"--max-steps={STEPS}"]
    values = []
    for count in (1, 2):
        out = tmp_path / str(count)
        program = ["-c", "import sys; from cli import main; sys.exit(main.main(sys.argv[1:]))"]
        assert run([*program, *command], environments("pytorch", count), out) == [0] * count
        log = events.read_log(out / "events.jsonl").events
        assert [e.trial_started for e in log if e.HasField("trial_started")][
            -1
        ].num_devices == count
        scalars = [e.scalar_metrics for e in log if e.HasField("scalar_metrics")]
        (*_, last) = (e.evaluation for e in log if e.HasField("evaluation"))
        values.append([*(s.metrics[n] for s in scalars for n in ("loss", "grad_norm"))])
        values[-1] += [last.metrics[name] for name in sorted(last.metrics)]
    assert len(values[0]) > 2 * STEPS
    assert values[1] == pytest.approx(values[0], rel=ROUNDING)
