"""Runs tasks as jobs of a Slurm cluster, through submitit: arrays, preemption, requeueing.

Every job is the same idempotent command, so that whatever starts it again (Slurm after a preemption
or the loss of a node, submitit after a warning signal, the campaign after a failure) does right.
"""

import dataclasses
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from campaigns.local import GRACE_SEC, Messages
from campaigns.task import Results, Task
from harness.errors import UsageError

MAX_ARRAY = 1000  # jobs; a cluster that says nothing else takes indices up to 1000
PERIOD_SEC = 5.0  # between looks at the queue
SPREAD_SEC = 2.0  # Slurm's signal reaches one process of a job after the other
LOST = -signal.SIGKILL  # the status of a job that left the queue without one
DEFAULT_MINUTES = 720  # that a job may run; then it makes a checkpoint and is requeued
_MAX_TIMEOUTS = 100  # how often


@dataclasses.dataclass
class Attempt:
    """What a job does. submitit keeps it in a file and calls it, at every start of the job anew."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    output: Path

    def __call__(self) -> int:
        """Runs the command; returns its exit status.

        A job that Slurm asks to stop passes that on by itself: signals go to all its processes. Then
        Slurm says what becomes of the job, and ends it.
        """
        asked: list[int] = []

        def note(number: int, frame: types.FrameType | None) -> None:
            asked.append(number)

        signal.signal(signal.SIGTERM, note)
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as output:
            output.write(f"$ {shlex.join(self.command)}\n".encode())
            output.flush()
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
            )
        self._wait()
        status = self._process.wait()
        if status == 128 + signal.SIGTERM:
            time.sleep(SPREAD_SEC)
        while asked and status == 128 + signal.SIGTERM:
            signal.pause()
        return status

    def checkpoint(self) -> Any:
        """Called by submitit when Slurm warns that the job's time is over or that it is preempted:
        stops the command, which makes a checkpoint. The job is then requeued as it is.
        """
        from submitit.helpers import DelayedSubmission

        self._process.terminate()
        self._wait()
        same = Attempt(self.command, self.environment, self.output)
        return DelayedSubmission(Attempt.__call__, same)

    def _wait(self) -> None:
        """Waits for the command. `Popen.wait` must not be called by a signal handler during itself."""
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)


def run(
    tasks: Sequence[Task],
    root: Path,
    num_jobs: int | None,
    options: Mapping[str, str],
    num_retries: int,
    report: Callable[[str], None],
) -> Results:
    """Runs every task until it has come to its end, or the retries are used up.

    Jobs are submitted as arrays. Preempted jobs and those of a lost node are started again by Slurm
    and do not count as attempts. SIGINT and SIGTERM cancel all jobs.

    Args:
      tasks: what to run.
      root: folder of the campaign, which all nodes see; submitit's files go into `slurm/` there.
      num_jobs: jobs that run at a time; None for as many as Slurm gives.
      options: of submitit's Slurm executor: partition, time (minutes), gpus_per_node, mem ...
      num_retries: how often a task is submitted again that ended for no fault of its own.
      report: is told every start and end, in a line.

    Raises:
      UsageError: there is no Slurm here, an option is unknown, or jobs of this campaign are left in
        the queue.
    """
    name = f"tandem-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"
    executor = _executor(root / "slurm", name, num_jobs, options)
    queue = _queue(name)
    if queue != set():
        found = "Slurm does not answer" if queue is None else f"{len(queue)} jobs of it are queued"
        raise UsageError(f"{found}; wait, or `scancel --name {name}`, and give the command again")
    waiting = list(tasks)
    results = Results()
    with Messages() as messages:
        while waiting and results.stopped_by is None:
            batch, waiting = waiting[:MAX_ARRAY], waiting[MAX_ARRAY:]
            jobs = executor.map_array(Attempt.__call__, [_attempt(task) for task in batch])
            for job, task in zip(jobs, batch, strict=True):
                report(f"{task.name}: submitted as job {job.job_id}")
            left = dict(zip(jobs, batch, strict=True))
            while left and results.stopped_by is None:
                results.stopped_by = messages.wait(PERIOD_SEC)
                for job in _ended(left, name):
                    task = left.pop(job)
                    if results.add(task, _status(job), num_retries, report):
                        waiting.append(task)
        if results.stopped_by is not None:
            report(f"{results.stopped_by.name}: cancelling {len(left)} jobs")
            _cancel(name, messages)
    return results


def _executor(folder: Path, name: str, num_jobs: int | None, options: Mapping[str, str]) -> Any:
    """submitit's executor with the options of the command line.

    Raises:
      UsageError: there is no Slurm here, or an option is unknown.
    """
    if shutil.which("sbatch") is None:
        raise UsageError("no Slurm here: sbatch is not found; leave out --executor slurm")
    import submitit

    executor = submitit.SlurmExecutor(folder, max_num_timeout=_MAX_TIMEOUTS)
    path = os.pathsep.join(place for place in sys.path if place)
    typed = {key: int(value) if value.isdecimal() else value for key, value in options.items()}
    try:
        executor.update_parameters(
            job_name=name,
            setup=[f"export PYTHONPATH={shlex.quote(path)}"],
            additional_parameters={"requeue": True},
            array_parallelism=num_jobs or MAX_ARRAY,
            **{"time": DEFAULT_MINUTES, **typed},
        )
    except (TypeError, ValueError) as error:
        raise UsageError(f"--slurm: {' '.join(str(error).split())}") from error
    return executor


def _attempt(task: Task) -> Attempt:
    return Attempt(task.command, task.environment, task.output)


def _queue(name: str) -> set[str] | None:
    """Numbers of the jobs of that name that wait or run; None where Slurm gives no answer now."""
    command = ["squeue", "--name", name, "--noheader", "--array", "--format", "%i"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return set(result.stdout.split()) if result.returncode == 0 else None


def _ended(jobs: Iterable[Any], name: str) -> list[Any]:
    """Those that have left the queue."""
    queue = _queue(name)
    return [] if queue is None else [job for job in jobs if job.job_id not in queue]


def _status(job: Any) -> int:
    """The exit status of the command; LOST where the job ended without one, as by `scancel`."""
    return int(job.result()) if job.paths.result_pickle.exists() else LOST


def _cancel(name: str, messages: Messages) -> None:
    """Cancels all jobs, which make checkpoints, and waits for them a while, or until a signal."""
    subprocess.run(["scancel", "--name", name], check=False)
    deadline = time.monotonic() + GRACE_SEC
    while _queue(name) != set() and time.monotonic() < deadline:
        if messages.wait(1.0) is not None:
            return
