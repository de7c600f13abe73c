import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from campaigns import local
from campaigns.task import Results, Task, is_worth_a_retry
from harness.errors import UsageError

MARK = "TANDEM_TEST_MARK"  # a variable that a test's processes, and theirs, have


def script(folder: Path, name: str, text: str) -> Task:
    return Task(name, ("/bin/sh", "-c", text), {}, folder / name)


def run(tasks: list[Task], num_slots: int = 1, num_retries: int = 0) -> tuple[Results, list[str]]:
    lines: list[str] = []
    return local.run(tasks, [{}] * num_slots, num_retries, lines.append), lines


@pytest.mark.parametrize("status", [0, 2, 3, 4])
def test_what_would_end_the_same_way_is_never_started_twice(tmp_path: Path, status: int) -> None:
    task = script(tmp_path, "a", f"echo some reason; exit {status}")
    results, lines = run([task], num_retries=5)
    assert (results.statuses, results.attempts) == ({"a": status}, {"a": 1})
    assert lines == ["a: started", f"a: exit status {status}: some reason"]
    assert task.output.read_text().splitlines()[1:] == ["some reason"]


@pytest.mark.parametrize("end", ["exit 1", "exit 130", "exit 143", "kill -9 $$"])
def test_other_ends_are_retried_with_a_limit(tmp_path: Path, end: str) -> None:
    tasks = [script(tmp_path, "a", end), script(tmp_path, "b", "exit 0")]
    results, lines = run(tasks, num_retries=2)
    assert results.attempts == {"a": 3, "b": 1}
    starts = [line.partition(":")[0] for line in lines if line.endswith("started")]
    assert starts == ["a", "b", "a", "a"]  # behind the others
    assert "2 attempts left" in lines[1]
    assert lines[-1].endswith("no attempt is left")


def test_a_task_that_recovers_is_left_alone(tmp_path: Path) -> None:
    task = script(tmp_path, "a", f"test -e {tmp_path}/x || {{ touch {tmp_path}/x; exit 1; }}")
    results, _ = run([task], num_retries=5)
    assert (results.statuses["a"], results.attempts["a"]) == (0, 2)


def test_retries_are_for_ends_that_are_not_the_trials_own() -> None:
    assert [status for status in range(-9, 6) if not is_worth_a_retry(status)] == [0, 2, 3, 4]


def test_slots_share_no_device() -> None:
    def names(*arguments: object) -> list[str]:
        return [slot.get("CUDA_VISIBLE_DEVICES", "cpu") for slot in local.slots(*arguments)]  # type: ignore[arg-type]

    assert names(None, [], 1) == ["cpu"]
    assert names(3, [], 8) == ["cpu"] * 3
    assert names(None, ["0", "1", "GPU-a", "3", "4"], 2) == ["0,1", "GPU-a,3"]
    assert names(1, ["5", "6"], 1) == ["5"]
    with pytest.raises(UsageError, match="2 trials at a time with 2 devices each need 4"):
        local.slots(2, ["0", "1", "2"], 2)
    with pytest.raises(UsageError, match="1 trials at a time with 4 devices each need 4"):
        local.slots(None, ["0"], 4)


def test_devices_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, expected in {"2,GPU-a": ["2", "GPU-a"], "": [], "-1": []}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert local.visible_devices() == expected
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", "/nowhere")
    assert local.visible_devices() == []


def test_no_device_is_used_by_two_tasks_at_a_time(tmp_path: Path) -> None:
    text = f"cd {tmp_path}; mkdir $CUDA_VISIBLE_DEVICES || exit 4; rmdir $CUDA_VISIBLE_DEVICES"
    tasks = [script(tmp_path, str(number), text) for number in range(20)]
    results = local.run(tasks, local.slots(None, ["5", "7"], 1), 0, print)
    assert set(results.statuses.values()) == {0}
    assert len(results.statuses) == 20


# Runs three tasks that never end, two at a time. Each has a child in its process group and says
# on standard output, which the test reads, that it is there; the executor reports there too.
PROGRAM = """
import sys
from pathlib import Path
from campaigns import local
from campaigns.task import Task

tasks = [Task(n, ("/bin/sh", "-c", sys.argv[2]), {}, Path(sys.argv[1], n)) for n in "abc"]
results = local.run(tasks, [{}] * 2, 5, lambda line: print(line, flush=True))
print(sorted(results.statuses.items()), results.attempts, flush=True)
sys.exit(results.stopped_by)
"""
POLITE = "sleep 1000 & echo here > {there}; wait"
STUBBORN = "trap '' TERM; sleep 1000 & echo here > {there}; while :; do wait; done"
ALONE = "echo here > {there}; exec sleep 1000"


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[str]:
    """Counts the processes of a test when it has ended: there must be none."""
    yield str(tmp_path)
    left = orphans(str(tmp_path))
    for process in left:
        process.kill()
    assert left == []


def processes(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def orphans(mark: str) -> list[psutil.Process]:
    """Processes that are left; one that was just killed may take a moment to go."""
    _, left = psutil.wait_procs(processes(mark), timeout=10)
    return left


def start(tmp_path: Path, mark: str, text: str) -> subprocess.Popen[str]:
    """Starts the program; returns when two of its tasks run."""
    there = tmp_path / "there"
    os.mkfifo(there)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), text.format(there=there)],
        env=os.environ | {MARK: mark, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
    )
    reader = os.open(there, os.O_RDWR)
    heard = b""
    while heard.count(b"here") < 2:
        heard += os.read(reader, 100)
    os.close(reader)
    assert len(processes(mark)) >= 3
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_and_leaves_no_orphan(
    tmp_path: Path, marked: str, number: signal.Signals
) -> None:
    process = start(tmp_path, marked, POLITE)
    process.send_signal(number)
    printed, _ = process.communicate()
    assert process.returncode == number
    assert printed.splitlines()[:3] == [
        "a: started",
        "b: started",
        f"{number.name}: stopping 2 trials",
    ]
    assert "('a', -15), ('b', -15)] Counter()" in printed  # c never began
    assert orphans(marked) == []


def test_a_second_signal_kills(tmp_path: Path, marked: str) -> None:
    process = start(tmp_path, marked, STUBBORN)
    assert process.stdout is not None
    process.send_signal(signal.SIGTERM)
    while "stopping" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate()
    assert "[('a', -9), ('b', -9)]" in printed
    assert orphans(marked) == []


def test_trials_are_asked_to_stop_when_the_campaign_is_killed(tmp_path: Path, marked: str) -> None:
    process = start(tmp_path, marked, ALONE)
    children = [found for found in processes(marked) if found.pid != process.pid]
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert (len(children), alive) == (2, [])


def test_what_a_trial_leaves_behind_ends_with_it(tmp_path: Path, marked: str) -> None:
    task = script(tmp_path, "a", "sleep 1000 & exit 0")
    results = local.run([task], [{MARK: marked}], 0, print)
    assert results.statuses == {"a": 0}
    assert orphans(marked) == []


def test_an_error_leaves_no_orphan(tmp_path: Path, marked: str) -> None:
    there = tmp_path / "there"
    os.mkfifo(there)
    tasks = [script(tmp_path, "a", POLITE.format(there=there)), script(tmp_path, "b", "exit 0")]
    environments = [{MARK: marked}] * 2

    def report(line: str) -> None:
        if line == "a: started":
            assert there.read_text() == "here\n"
        if line.startswith("b: exit"):
            assert len(processes(marked)) == 2
            raise RuntimeError("the display is gone")

    with pytest.raises(RuntimeError, match="the display is gone"):
        local.run(tasks, environments, 0, report)
