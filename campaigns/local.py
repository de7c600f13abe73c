"""Runs tasks as processes of this machine, some at a time, each a process group of its own."""

import collections
import contextlib
import dataclasses
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable, Mapping, Sequence

from campaigns import leash
from campaigns.task import Results, Task
from harness.errors import UsageError

GRACE_SEC = 120.0  # for a checkpoint, after the step or batch that is running
_DEVICES = "CUDA_VISIBLE_DEVICES"
_STOPPING = (signal.SIGINT, signal.SIGTERM)

Environment = Mapping[str, str]  # what a process has besides the variables of this one


def visible_devices() -> list[str]:
    """The GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES takes."""
    if _DEVICES in os.environ:
        return [name for name in os.environ[_DEVICES].split(",") if name not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    result = subprocess.run(query, capture_output=True, text=True, check=False)
    return result.stdout.split() if result.returncode == 0 else []


def slots(
    num_jobs: int | None, devices: Sequence[str], devices_per_trial: int
) -> list[Environment]:
    """One environment for each trial that may run at a time. No two have a device in common.

    Args:
      num_jobs: trials at a time; None for as many as there are devices for, else one.
      devices: names of the GPUs; without any, trials run on the CPU.
      devices_per_trial: from 1; means nothing on the CPU.

    Raises:
      UsageError: there are not enough devices.
    """
    if not devices:
        return [{}] * (num_jobs or 1)
    num_groups = len(devices) // devices_per_trial
    wanted = num_jobs or max(num_groups, 1)
    if wanted > num_groups:
        raise UsageError(
            f"{wanted} trials at a time with {devices_per_trial} devices each need "
            f"{wanted * devices_per_trial} devices; there are {len(devices)}"
        )
    groups = [devices[i * devices_per_trial :][:devices_per_trial] for i in range(wanted)]
    return [{_DEVICES: ",".join(group)} for group in groups]


@dataclasses.dataclass(frozen=True)
class _Running:
    task: Task
    slot: Environment
    process: subprocess.Popen[bytes]


class Messages:
    """A context in which signals are read like messages, whichever thread they reach: SIGINT, SIGTERM
    and those that are named.
    """

    def __init__(self, *others: signal.Signals):
        self._numbers = (*_STOPPING, *others)

    def __enter__(self) -> "Messages":
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._usual = {number: signal.signal(number, self._ignore) for number in self._numbers}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        self._reader.close()
        self._writer.close()

    def _ignore(self, number: int, frame: types.FrameType | None) -> None:
        """Python only writes down a signal that has a handler."""

    def wait(self, timeout_sec: float | None = None) -> signal.Signals | None:
        """Waits for signals. Returns one that asks to stop, or None: another came, or time is up."""
        ready, _, _ = select.select([self._reader], [], [], timeout_sec)
        numbers = self._reader.recv(4096) if ready else b""
        return next((signal.Signals(n) for n in numbers if n in _STOPPING), None)


def run(
    tasks: Sequence[Task],
    slots: Sequence[Environment],
    num_retries: int,
    report: Callable[[str], None],
) -> Results:
    """Runs every task until it has come to its end, or the retries are used up.

    SIGINT and SIGTERM, and whatever is raised, stop all processes: they are asked to end, and killed
    after a while, or at once if a second signal comes. None outlives this call.

    Args:
      tasks: what to run, in order; one that is tried again goes behind the others.
      slots: what `slots` gives; each task that runs has one of them to itself.
      num_retries: how often a task is started again that ended for no fault of its own.
      report: is told every start and end, in a line.
    """
    waiting = collections.deque(tasks)
    free = list(slots)
    running: list[_Running] = []
    results = Results()
    with Messages(signal.SIGCHLD) as messages:
        try:
            while waiting or running:
                while waiting and free:
                    task, slot = waiting.popleft(), free.pop(0)
                    running.append(_start(task, slot))
                    report(f"{task.name}: started{_place(slot)}")
                results.stopped_by = messages.wait()
                if results.stopped_by is not None:
                    report(f"{results.stopped_by.name}: stopping {len(running)} trials")
                    break
                for ended in [one for one in running if _has_ended(one.process)]:
                    running.remove(ended)
                    free.append(ended.slot)
                    if results.add(ended.task, ended.process.wait(), num_retries, report):
                        waiting.append(ended.task)
        finally:
            _stop(running, messages)
            for stopped in running:
                results.statuses[stopped.task.name] = stopped.process.wait()
    return results


def _start(task: Task, slot: Environment) -> _Running:
    task.output.parent.mkdir(parents=True, exist_ok=True)
    leashed = [sys.executable, leash.__file__, signal.SIGTERM.name, str(os.getpid())]
    with task.output.open("ab") as output:
        output.write(f"$ {task.shown_command()}\n".encode())
        output.flush()
        process = subprocess.Popen(
            [*leashed, *task.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **task.environment, **slot},
            start_new_session=True,
        )
    return _Running(task, slot, process)


def _place(slot: Environment) -> str:
    return f" on device {slot[_DEVICES]}" if _DEVICES in slot else ""


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended; then what it left in its group is killed. As long as it is not
    waited for, its number is nobody else's.
    """
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    if os.waitid(os.P_PID, process.pid, options) is None:
        return False
    _signal_group(process, signal.SIGKILL)
    return True


def _stop(running: Sequence[_Running], messages: Messages) -> None:
    """Ends all processes and their groups."""
    left = [one.process for one in running]
    for process in left:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SEC
    while left := [process for process in left if not _has_ended(process)]:
        if messages.wait(max(deadline - time.monotonic(), 0)) or time.monotonic() >= deadline:
            for process in left:
                _signal_group(process, signal.SIGKILL)
            deadline += GRACE_SEC


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
