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
