"""Trials of fakes that several processes run, by the command."""

import concurrent.futures
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import command, fakes, ranks, shares, submission
from harness.checkpoint import Checkpoint
from harness.errors import UsageError
from harness.events import read_log
from harness.fakes import FakeBackend, Machine
from harness.ranks import Ranks, Together, connect
from inputs import pipeline
from spec import loading
from spec.command_line import USAGE_ERROR
from spec.timing_pb2 import Outcome
from spec.workload_pb2 import Workload

FORK = multiprocessing.get_context("fork")
PATIENCE_SEC = 60  # far above what any of this takes: a hang is a failure
SUBMISSION = """
import json, os, signal, threading
from spec.interface import TrainingCompleteError

RANK = int(os.environ["RANK"])

def get_batch_size(workload_name):
    return 6

def init_optimizer_state(workload, params, *others):
    params["weight"] += RANK
    return {"steps": [], "rank": RANK} if RANK != 1 else {"steps": []}

def update_params(*, workload, current_param_container, model_state, optimizer_state, global_step,
                  train_state, eval_results, batch, **others):
    workload.metrics_logger.append_scalar_metrics({"loss": 0.5}, global_step)
    optimizer_state["steps"].append([global_step, RANK])
    seen = [global_step, dict(train_state), eval_results, current_param_container["weight"].tolist(),
            optimizer_state, batch["targets"].tolist()]
    with open(os.environ["SEEN"] + str(RANK), "a") as file:
        file.write(json.dumps(seen) + "\\n")
    current_param_container["weight"] *= 2
    BODY
    return optimizer_state, current_param_container, model_state

def data_selection(workload, input_queue, *others):
    return next(input_queue)
"""
MANIFEST = 'name: "mine" title: "Mine" frameworks: JAX self_tuning: true'


class Meeting:
    """Ranks that one process forks."""

    host = "127.0.0.1"

    def __init__(self, index: int, count: int, queue: Any):
        self.index, self.count, self._queue = index, count, queue

    def put(self, key: str, value: str) -> None:
        for _ in range(self.count - 1):
            self._queue.put((key, value))

    def get(self, key: str) -> str:
        name, value = self._queue.get()
        assert name == key
        return str(value)


def shard_of_train_batches(
    workload: Any, seed: int, size: int, start: int, shard: tuple[int, int]
) -> Iterator[Any]:
    for batch in fakes.train_batches(start):
        batch["targets"] = batch["targets"] * 10 + shard[0]
        yield batch


def make_backend(workload: Workload, version: str) -> FakeBackend:
    backend = FakeBackend(Machine())
    backend.num_devices = 3
    return backend


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    workload = Workload()
    workload.CopyFrom(fakes.WORKLOAD)
    workload.model.SetInParent()
    workload.dataset.digits.sha256 = "unused"
    workload.rules["v0.6"].eval_period_sec = 0
    monkeypatch.setattr(loading, "load_workload", lambda name: workload)
    monkeypatch.setattr(loading, "names", lambda folder: ["fake", "v0.6_self"])
    monkeypatch.setattr(pipeline, "open_source", lambda workload: None)
    monkeypatch.setattr(pipeline, "data_sha256", lambda workload: "abc")
    monkeypatch.setattr(pipeline, "train_batches", shard_of_train_batches)
    monkeypatch.setattr(pipeline, "eval_batches", lambda _, split, shard: fakes.eval_batches(split))
    monkeypatch.setattr(submission, "ROOT", tmp_path / "submissions")
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    (tmp_path / "submissions" / "mine").mkdir(parents=True)
    (tmp_path / "submissions" / "mine" / "manifest.textproto").write_text(MANIFEST)
    return tmp_path


def write(place: Path, body: str) -> None:
    """The submission; `body` is what a step does at its end."""
    file = place / "submissions" / "mine" / "submission_jax.py"
    file.write_text(SUBMISSION.replace("BODY", body))


def run(place: Path, *arguments: str, count: int = 3, last: tuple[str, ...] = ()) -> list[int]:
    """The exit statuses of the ranks; `last` are more arguments for the last one."""
    queue = FORK.Queue()
    everything = ["--workload", "fake", "--submission", "mine", "--ruleset", "self"]
    everything += ["--out", "run", "--max-steps", "5", *arguments]

    def one(index: int) -> None:
        os.environ["RANK"] = str(index)
        sys.stdout = sys.stderr = (place / f"printed{index}").open("w")
        more = last if index == count - 1 else ()
        meet = lambda: Meeting(index, count, queue)  # noqa: E731
        status = command.main([*everything, *more], "jax", make_backend, meet=meet)
        sys.stdout.flush()
        os._exit(status)

    processes = [FORK.Process(target=one, args=[index]) for index in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_SEC)
    hanging = [process for process in processes if process.is_alive()]
    for process in hanging:
        process.kill()
    queue.close()
    assert not hanging
    return [process.exitcode for process in processes]  # type: ignore[misc]


def ended(place: Path) -> Any:
    log = read_log(place / "run" / "events.jsonl")
    assert log.problems == []
    return log.events[-1].trial_ended


def seen(place: Path, rank: int) -> list[Any]:
    return [json.loads(line) for line in (place / f"seen{rank}").read_text().splitlines()]


def printed(place: Path, rank: int) -> str:
    return (place / f"printed{rank}").read_text()


def test_all_ranks_see_the_same_and_one_writes(place: Path) -> None:
    write(place, "pass")
    assert run(place) == [0, 0, 0]
    assert ended(place).outcome == Outcome.STEP_LIMIT
    events = read_log(place / "run" / "events.jsonl").events
    assert [e.WhichOneof("event") for e in events].count("scalar_metrics") == 5
    assert list(events[1].trial_started.provenance.accelerators) == ["fake device"] * 9
    of_ranks = [seen(place, rank) for rank in range(3)]
    assert [line[0] for line in of_ranks[0]] == [0, 1, 2, 3, 4]
    for step in zip(*of_ranks, strict=True):
        for rank, (_, train_state, eval_results, *_, targets) in enumerate(step):
            assert (train_state, eval_results) == (step[0][1], step[0][2])
            assert targets == [10 * step[0][0] + rank] * 4
    assert of_ranks[0][-1][1]["accumulated_submission_time"] > 0
    assert printed(place, 1) == printed(place, 2) == ""


@pytest.mark.parametrize(
    ("body", "outcome", "message", "statuses"),
    [
        (
            "if RANK == 1: os.kill(os.getpid(), signal.SIGKILL)",
            Outcome.HARNESS_ERROR,
            "rank 1: it ended without a word, as if it was killed",
            [1, -signal.SIGKILL, 1],
        ),
        (
            "if RANK == 1: 1/0",
            Outcome.SUBMISSION_ERROR,
            "rank 1: update_params raised ZeroDivisionError: division by zero",
            [4, 4, 1],
        ),
        (
            "if RANK == 2: raise MemoryError('too small')",
            Outcome.OUT_OF_MEMORY,
            "rank 2: update_params raised MemoryError: too small",
            [3, 1, 3],
        ),
        (
            "if RANK == 0: 1/0",
            Outcome.SUBMISSION_ERROR,
            "update_params raised ZeroDivisionError: division by zero",
            [4, 1, 1],
        ),
        ("if RANK == 1: raise TrainingCompleteError", Outcome.COMPLETED_BY_SUBMISSION, "", [0] * 3),
    ],
)
def test_one_rank_ends_the_trial(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    outcome: Outcome,
    message: str,
    statuses: list[int],
) -> None:
    if "RANK == 0" in body:
        monkeypatch.setattr(ranks, "NEWS_SEC", 0.1)  # there will be none
    write(place, body)
    assert run(place) == statuses
    assert ended(place).outcome == outcome
    assert message in (ended(place).message, "")
    assert ended(place).global_step == (1 if outcome == Outcome.COMPLETED_BY_SUBMISSION else 0)


def test_an_error_of_all_ranks_is_that_of_the_first(place: Path) -> None:
    write(place, "1/0")
    assert run(place)[0] == 4
    assert ended(place).message == "update_params raised ZeroDivisionError: division by zero"


def test_the_end_is_written_where_the_main_thread_waits_for_ever(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "GRACE_SEC", 0.5)
    write(place, "if RANK == 0: threading.Event().wait()\n    1/0")
    assert run(place, count=2) == [4, 4]
    assert ended(place).outcome == Outcome.SUBMISSION_ERROR
    assert ended(place).message.startswith("rank 1: update_params raised ZeroDivisionError")


def test_without_rank_0_the_others_end(place: Path) -> None:
    write(place, "if RANK == 0: os.kill(os.getpid(), signal.SIGKILL)\n    threading.Event().wait()")
    assert run(place) == [-signal.SIGKILL, 1, 1]
    assert not read_log(place / "run" / "events.jsonl").events[-1].HasField("trial_ended")
    assert "rank 1 ends because rank 0 did" in printed(place, 1)


@pytest.mark.parametrize("rank", [0, 2])
def test_a_signal_to_one_rank_stops_all_and_all_resume_as_they_were(place: Path, rank: int) -> None:
    write(place, "pass")
    assert run(place, "--out", "whole") == [0, 0, 0]
    expected = [[line[3:] for line in seen(place, r)] for r in range(3)]
    assert [line[0] for line in expected[2]] == [[2.0 * 2**step] * 2 for step in range(5)]
    for r in range(3):
        (place / f"seen{r}").unlink()
    mark = place / "was here"
    write(
        place,
        f"if RANK == {rank} and global_step == 2 and not os.path.exists({str(mark)!r}):\n"
        f"        open({str(mark)!r}, 'w').close()\n"
        "        os.kill(os.getpid(), signal.SIGTERM)",
    )
    assert run(place, "--resume") == [143] * 3
    assert ended(place).outcome == Outcome.INTERRUPTED
    assert ended(place).global_step == 3
    assert run(place, "--resume") == [0, 0, 0]
    assert [[line[3:] for line in seen(place, r)] for r in range(3)] == expected
    assert run(place, "--resume") == [0, 0, 0]
    assert "nothing is left to run" in printed(place, 0)


def test_another_number_of_processes_does_not_resume(place: Path) -> None:
    write(place, "if global_step == 1: os.kill(os.getpid(), signal.SIGTERM)")
    assert run(place, "--resume") == [143] * 3
    assert run(place, "--resume", count=2) == [USAGE_ERROR, 1]
    assert "was made by 3 processes and is resumed by 2; start as many" in printed(place, 0)


def test_ranks_with_different_commands_do_not_begin(place: Path) -> None:
    write(place, "pass")
    assert run(place, last=("--seed", "9"))[0] == USAGE_ERROR
    assert "rank 2 was given another trial: seed is 9, expected 0" in printed(place, 0)
    assert not (place / "run").exists()


def test_a_rank_without_data_keeps_the_others_from_beginning(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_source(workload: Any) -> None:
        if os.environ["RANK"] == "2":
            raise loading.SpecError("no data here")

    monkeypatch.setattr(pipeline, "open_source", open_source)
    write(place, "pass")
    assert run(place)[0] == USAGE_ERROR
    assert "a rank is gone" in printed(place, 0)
    assert "no data here" in printed(place, 2)
    assert not (place / "run").exists()


def test_what_rank_0_cannot_do_ends_the_others(place: Path) -> None:
    write(place, "pass")
    (place / "run").mkdir()
    assert run(place) == [USAGE_ERROR, 1, 1]
    assert "exists; give another --out" in printed(place, 0)


def test_a_checkpoint_has_of_each_rank_what_is_different(tmp_path: Path) -> None:
    zero, one = np.float32(0), np.arange(3)
    arrays = [
        {"same": one, "other": one, "first alone": zero},
        {"same": one.copy(), "other": one + 1, "second alone": zero},
    ]
    states = [{"count": 1}, {"count": 2}]
    talk, listen = socket.socketpair(), socket.socketpair()
    both = [Together(rank, 2, [talk[rank]], [listen[rank]]) for rank in range(2)]
    with concurrent.futures.ThreadPoolExecutor() as threads:
        saved, _ = threads.map(shares.collect, both, arrays, states)
    collected, others = saved
    assert sorted(collected.keys() - arrays[0].keys()) == ["ranks/1/other", "ranks/1/second alone"]

    class Saved(Checkpoint):
        def arrays(self) -> dict[str, np.ndarray]:
            return dict(collected)

    checkpoint = Saved(
        tmp_path, 0, 0, {"state": states[0], "others": json.loads(json.dumps(others))}
    )
    for rank in range(2):
        found, state = shares.own(both[rank], checkpoint)
        assert state == states[rank]
        assert found.keys() == arrays[rank].keys()
        for name, array in found.items():
            np.testing.assert_array_equal(array, arrays[rank][name])
    with concurrent.futures.ThreadPoolExecutor() as threads:
        assert list(threads.map(lambda rank: rank.leave(0), both)) == [0, 0]


def test_strangers_are_not_ranks() -> None:
    queue: Any = FORK.Queue()
    told = threading.Event()

    class Watched(Meeting):
        def put(self, key: str, value: str) -> None:
            port = int(value.split()[0])
            for nonsense in (
                b"",
                b"\1\0\0\0\0\0\0\0x",
                b"\7\0\0\0\0\0\0\0wrong 1",
                b"\x09\0\0\0\0\0\0\0wrong 1 0",
            ):
                with socket.create_connection((self.host, port)) as stranger:
                    stranger.sendall(nonsense)
            super().put(key, value)
            told.set()

    hosts: list[Ranks] = []
    host = threading.Thread(
        target=lambda: hosts.append(connect(lambda: Watched(0, 2, queue))), daemon=True
    )
    host.start()
    told.wait(PATIENCE_SEC)
    guest = connect(lambda: Meeting(1, 2, queue))
    host.join(PATIENCE_SEC)
    answers: list[Any] = []
    second = threading.Thread(target=lambda: answers.append(guest.gathered("guest")), daemon=True)
    second.start()
    assert hosts[0].gathered("host") == ["host", "guest"]
    second.join(PATIENCE_SEC)
    assert answers == [["host", "guest"]]
    third = threading.Thread(target=lambda: answers.append(guest.leave(0)), daemon=True)
    third.start()
    assert hosts[0].leave(0) == 0
    third.join(PATIENCE_SEC)
    assert answers == [["host", "guest"], 0]


def test_who_does_not_come_is_missed() -> None:
    def meet() -> Any:
        raise RuntimeError("no answer from 10.0.0.1")

    with pytest.raises(UsageError, match=r"did not come together: no answer from 10\.0\.0\.1"):
        connect(meet)
