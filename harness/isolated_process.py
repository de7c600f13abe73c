"""The process in which an isolated trial's submission runs, seen from outside: it is asked, and its
answers are bounded and have to come in time.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from harness import run_folder, sandbox, worker
from harness.clock import Clock
from harness.errors import SubmissionError, printable
from harness.frames import Arrays, Channel, FrameError

OUTPUT = "output.txt"  # in the run folder: what the submission prints
GRACE_SEC = 600.0  # beyond the budget, for an answer that is timed
UNTIMED_SEC = 1800.0  # for one that is not
MEMORY_SHARE = 0.75  # of the host's memory, that each process inside may allocate
# JAX takes most of a GPU's memory at its start unless it is told not to; two processes share it here.
SHARED_DEVICES = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
_END_SEC = 10.0  # for processes that were killed to be gone
_MAX_MESSAGE, _MAX_TRACEBACK = 4_000, 60_000  # characters


class Process:
    """The process in the sandbox, and the connection to it.

    After an answer that is late, malformed or missing there are no more: every later request fails as
    that one did.
    """

    def __init__(self, arguments: list[str], folder: Path, clock: Clock, budget_sec: float):
        """`arguments` are the module of Python that is run, and its own; `folder` is the run folder."""
        self._clock = clock
        self._budget_sec = budget_sec
        self._output = folder / OUTPUT
        self._failure = ""
        memory_bytes = int(MEMORY_SHARE * psutil.virtual_memory().total)
        ends, inner = zip(*(socket.socketpair() for _ in range(2)), strict=True)
        self._requests = Channel(ends[0], memory_bytes)
        self.batches = Channel(ends[1])
        numbers = [connection.fileno() for connection in inner]
        command = sandbox.command(
            [sys.executable, "-u", "-m", *arguments, *map(str, numbers)],  # prints arrive at once
            readable={worker.FOLDER: folder / run_folder.SOURCES},
            memory_bytes=memory_bytes,
        )
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=sandbox.environment() | SHARED_DEVICES,
                pass_fds=numbers,
                start_new_session=True,  # signals from a terminal are for this process alone
            )
        for connection in inner:
            connection.close()

    def ask(self, name: str, arrays: Mapping[str, np.ndarray] = {}, **arguments: Any) -> Any:
        """The answer to a request of worker.Worker."""
        return self.ask_arrays(name, arrays, **arguments)[0]

    def ask_arrays(
        self, name: str, arrays: Mapping[str, np.ndarray] = {}, **arguments: Any
    ) -> tuple[Any, Arrays]:
        """The answer to a request, and the arrays that came with it.

        Raises:
          SubmissionError: it failed, or the answer is none.
        """
        if self._failure:
            raise SubmissionError(self._failure)
        is_timed = self._clock.is_timed
        left = self._budget_sec - self._clock.timed_sec + GRACE_SEC if is_timed else UNTIMED_SEC
        deadline = time.monotonic() + left
        self._failure = f"the submission's process was stopped in {name}"  # should this be left
        try:
            self._requests.send([name, arguments], arrays, deadline)
            content, answered = self._requests.receive(deadline)
        except TimeoutError as error:
            limit = "its budget and" if is_timed else "the limit of"
            seconds = GRACE_SEC if is_timed else UNTIMED_SEC
            self._fail(f"{name} did not end within {limit} {seconds:g} seconds", error)
        except FrameError as error:
            self._fail(f"the submission's process answered {name} with {error}", error)
        except (EOFError, OSError) as error:
            self._fail(f"the submission's process {self._end()} in {name}", error)
        if not isinstance(content, dict) or not content.keys() & {"result", "error"}:
            self._fail(f"the submission's process answered {name} with neither result nor error")
        self._failure = ""
        if "error" in content:
            _raise_error(content)
        return content["result"], answered

    def _fail(self, message: str, error: Exception | None = None) -> None:
        self._failure = printable(message)
        raise SubmissionError(self._failure) from error

    def _end(self) -> str:
        """How it ended."""
        try:
            status = self._process.wait(_END_SEC)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        killed = 128 + signal.SIGKILL
        cause = " (killed, perhaps because the host had no memory left)" * (status == killed)
        return f"ended with status {status}{cause}, see {OUTPUT},"

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing inside computes meanwhile, but for what a GPU was given before."""
        stopped: dict[int, psutil.Process] = {}
        while new := {p.pid: p for p in self._inside() if p.pid not in stopped}:
            stopped |= new
            _send(new.values(), signal.SIGSTOP)
        try:
            yield
        finally:
            _send(stopped.values(), signal.SIGCONT)

    def _inside(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> None:
        """Ends it and whatever it started."""
        self._requests.close()
        self.batches.close()
        inside = self._inside()
        self._process.kill()  # all others die with it
        self._process.wait()
        psutil.wait_procs(inside, _END_SEC)


def _raise_error(content: Mapping[str, Any]) -> None:
    message = printable(content["error"])[:_MAX_MESSAGE]
    trace = printable(content.get("traceback", ""))[-_MAX_TRACEBACK:]
    cause = MemoryError if content.get("is_out_of_memory") is True else RuntimeError
    raise SubmissionError(message) from cause(f"in the sandbox:\n{trace}")


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
