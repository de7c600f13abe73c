"""With a real Slurm of one machine, where its daemons are installed; they are started here, without
accounting or authentication, and ended.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from campaigns import slurm
from campaigns.slurm import Attempt
from campaigns.task import Results, Task
from harness.errors import UsageError

DAEMONS = {name: shutil.which(name) for name in ("slurmctld", "slurmd", "srun")}
needs_slurm = pytest.mark.skipif(
    None in DAEMONS.values() or os.geteuid() != 0,
    reason="no Slurm that could be started: this needs root, and slurmctld, slurmd and srun of "
    "Debian's packages slurmctld, slurmd and slurm-client in the PATH",
)
CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/none
CredType=cred/none
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=bf_interval=1,sched_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=5
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 Sockets=1 CoresPerSocket=2 RealMemory=500 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=1
PartitionName=high Nodes={host} MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF
"""


def patiently(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Waits for what a daemon does in its own time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


class Cluster:
    """Slurm on this machine, two cores."""

    def __init__(self, folder: Path):
        for name in ("state", "spool"):
            (folder / name).mkdir()
        text = CONFIGURATION.format(folder=folder, host=socket.gethostname().split(".")[0])
        (folder / "slurm.conf").write_text(text)
        self.folder = folder
        self.start("slurmctld")
        self.start("slurmd")
        patiently(lambda: self.says("sinfo", "-h", "-o", "%t", "-p", "low") == "idle")

    def start(self, daemon: str) -> None:
        command = [str(DAEMONS[daemon]), "-f", str(self.folder / "slurm.conf")]
        subprocess.run(command, check=True)

    def processes(self) -> Iterator[psutil.Process]:
        """The daemons, and all that jobs have started."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("SLURM_CONF") == str(self.folder / "slurm.conf"):
                    yield process

    def lose_node(self) -> None:
        """Kills the node's daemon and everything that runs under it."""
        for process in self.processes():
            if process.name() in ("slurmd", "slurmstepd") or "SLURM_JOB_ID" in process.environ():
                process.kill()

    def says(self, *command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    folder = tmp_path / "slurm"
    folder.mkdir()
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    cluster = Cluster(folder)
    yield cluster
    left = [process for process in cluster.processes() if "SLURM_JOB_ID" in process.environ()]
    for process in cluster.processes():
        process.kill()
    assert left == []


def script(folder: Path, name: str, text: str) -> Task:
    return Task(name, ("/bin/sh", "-c", text), {}, folder / name)


def run(tasks: list[Task], folder: Path, report: Callable[[str], None] = print) -> Results:
    return slurm.run(tasks, folder, None, {"partition": "low"}, 1, report)


@needs_slurm
def test_jobs_end_and_are_retried_with_a_limit(cluster: Cluster, tmp_path: Path) -> None:
    ends = {"fine": "exit 0", "hopeless": "exit 4", "broken": "exit 1"}
    once = f"test -e {tmp_path}/x && exit 0; touch {tmp_path}/x; exit 1"
    tasks = [script(tmp_path, name, end) for name, end in (ends | {"once": once}).items()]
    results = run(tasks, tmp_path)
    assert results.statuses == {"fine": 0, "hopeless": 4, "broken": 1, "once": 0}
    assert results.attempts == {"fine": 1, "hopeless": 1, "broken": 2, "once": 2}
    with pytest.raises(UsageError, match="Unavailable parameter"):
        slurm.run(tasks, tmp_path, None, {"partion": "low"}, 1, print)


# Makes a checkpoint when it is asked to stop, as a trial does; the second process finds it.
RESUMABLE = """
cd {folder}
test -e checkpoint && {{ echo resumed >> story; exit 0; }}
trap 'touch checkpoint; echo stopped >> story; kill $!; exit 143' TERM
echo started >> story
sleep 1000 & wait
"""


def story(folder: Path) -> list[str]:
    path = folder / "story"
    return path.read_text().split() if path.exists() else []


@needs_slurm
def test_a_preempted_trial_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    def report(line: str) -> None:
        print(line)
        if "submitted" in line:
            patiently(lambda: story(tmp_path) == ["started"])
            urgent = ["sbatch", "--partition", "high", "--cpus-per-task", "2", "--wrap", "true"]
            subprocess.run(urgent, check=True, cwd=tmp_path)

    results = run([script(tmp_path, "a", RESUMABLE.format(folder=tmp_path))], tmp_path, report)
    assert story(tmp_path) == ["started", "stopped", "resumed"]
    assert (results.statuses, results.attempts) == ({"a": 0}, {"a": 1})  # Slurm's own requeue


@needs_slurm
def test_a_trial_goes_on_after_its_node_was_lost(cluster: Cluster, tmp_path: Path) -> None:
    """The node daemon is killed with all that runs under it, and comes back once Slurm noticed."""

    def report(line: str) -> None:
        print(line)
        if "submitted" in line:
            patiently(lambda: story(tmp_path) == ["started"])
            cluster.lose_node()
            (tmp_path / "checkpoint").touch()
            patiently(lambda: cluster.says("squeue", "-h", "-o", "%T") != "RUNNING")
            cluster.start("slurmd")

    results = run([script(tmp_path, "a", RESUMABLE.format(folder=tmp_path))], tmp_path, report)
    assert story(tmp_path) == ["started", "resumed"]
    assert results.statuses == {"a": 0}  # by Slurm's requeue or by another attempt


@needs_slurm
def test_a_signal_cancels_all_jobs(cluster: Cluster, tmp_path: Path) -> None:
    def report(line: str) -> None:
        print(line)
        if "submitted" in line:
            patiently(lambda: story(tmp_path) == ["started"])
            os.kill(os.getpid(), signal.SIGTERM)

    results = run([script(tmp_path, "a", RESUMABLE.format(folder=tmp_path))], tmp_path, report)
    assert results.stopped_by == signal.SIGTERM
    assert cluster.says("squeue", "-h") == ""
    assert story(tmp_path) == ["started", "stopped"]


def test_without_slurm_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="no Slurm here: sbatch is not found"):
        run([], tmp_path)


@pytest.mark.parametrize("status", [0, 1, 143])
def test_a_job_gives_the_status_of_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(slurm, "SPREAD_SEC", 0.0)
    usual = signal.getsignal(signal.SIGTERM)
    attempt = Attempt(("/bin/sh", "-c", f"echo $A; exit {status}"), {"A": "b"}, tmp_path / "a.txt")
    assert attempt() == attempt() == status
    signal.signal(signal.SIGTERM, usual)
    said = [f"$ /bin/sh -c 'echo $A; exit {status}'", "b"]
    assert (tmp_path / "a.txt").read_text().splitlines() == said * 2


def test_a_job_that_is_asked_to_stop_waits_for_its_fate(tmp_path: Path) -> None:
    """Were it to end, Slurm would take it for done, and neither requeue nor cancel it."""
    program = """
import sys, threading, os, signal
from pathlib import Path
from campaigns.slurm import Attempt

signal.pause = lambda: (print("waits", flush=True), os._exit(7))
Attempt(("/bin/sh", "-c", "kill -TERM $PPID; exit 143"), {}, Path(sys.argv[1])).__call__()
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.txt")],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (7, "waits\n")
