import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

# Each rank writes down what it was told, says on a pipe that it is there, and ends as a test wants.
RANK = """
import json, os, signal, sys, time
told = {name: os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR")}
rank = int(told["RANK"])
with open(f"{sys.argv[1]}/{rank}.json", "w") as file:
    json.dump({**told, "port": os.environ["MASTER_PORT"], "pid": os.getpid(), "group": os.getpgrp()}, file)
if sys.argv[2] == "polite":  # what a trial does: rank 0 tells the others
    def stop(number, frame):
        os.kill(int(open(f"{sys.argv[1]}/1.pid").read()), signal.SIGUSR1)
        sys.exit(143)
    signal.signal(signal.SIGTERM, stop if rank == 0 else signal.SIG_IGN)
    if rank == 1:
        open(f"{sys.argv[1]}/1.pid", "w").write(str(os.getpid()))
if sys.argv[2] in ("polite", "wait"):
    with open(f"{sys.argv[1]}/there", "w") as file:
        file.write("here")
    time.sleep(1000)
sys.exit(json.loads(sys.argv[2])[rank])
"""


def start(folder: Path, how: str) -> subprocess.Popen[bytes]:
    """Starts two ranks; where they wait, returns when both are there."""
    (folder / "rank.py").write_text(RANK)
    program = [str(folder / "rank.py"), str(folder), how]
    process = subprocess.Popen(
        [sys.executable, "-m", "campaigns.crew", "2", *program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if how in ("polite", "wait"):
        reader = os.open(folder / "there", os.O_RDWR)
        heard = b""
        while heard.count(b"here") < 2:
            heard += os.read(reader, 100)
        os.close(reader)
    return process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "there")
    return tmp_path


def told(folder: Path) -> list[dict[str, str]]:
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_ranks_are_told_what_torchrun_tells(folder: Path) -> None:
    assert start(folder, "[0, 0]").wait() == 0
    for rank, variables in enumerate(told(folder)):
        assert variables["RANK"] == variables["LOCAL_RANK"] == str(rank)
        assert (variables["WORLD_SIZE"], variables["MASTER_ADDR"]) == ("2", "localhost")
    assert len({variables["port"] for variables in told(folder)}) == 1


@pytest.mark.parametrize(("statuses", "expected"), [([3, 1], 3), ([0, 1], 0), ([2, 2], 2)])
def test_the_exit_status_is_that_of_rank_0(
    folder: Path, statuses: list[int], expected: int
) -> None:
    assert start(folder, json.dumps(statuses)).wait() == expected


def test_a_signal_reaches_rank_0_once(folder: Path) -> None:
    process = start(folder, "polite")
    # A signal to the crew's group reaches the crew alone.
    assert [rank["group"] for rank in told(folder)] == [rank["pid"] for rank in told(folder)]
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 143


def test_no_rank_outlives_the_crew(folder: Path) -> None:
    process = start(folder, "wait")
    ranks = [psutil.Process(int(variables["pid"])) for variables in told(folder)]
    process.kill()
    process.wait()
    assert psutil.wait_procs(ranks, timeout=60)[1] == []
