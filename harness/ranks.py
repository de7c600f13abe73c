"""The processes that run one trial together: their clock, what they agree on, and what becomes of the
others when one fails.

A process is called by its rank. All ranks run the same state machine, and make the same exchanges in the
same order; rank 0 alone writes. Beside whatever the framework has, two connections join each rank to
rank 0: one for exchanges, and one that a thread listens to, since the main thread may be waiting for a
device, or for a rank that is gone.
"""

import contextlib
import dataclasses
import functools
import json
import os
import secrets
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from harness.errors import RankLostError, UsageError, printable
from spec.event_pb2 import TrialEnded
from spec.timing_pb2 import Outcome

JOIN_SEC = 300  # until all ranks must be there; see also the frameworks' own timeouts
NEWS_SEC = 2  # that rank 0, when it fails, waits to hear whether another rank failed first
GRACE_SEC = 10  # that the main thread has, after a rank failed, to notice and end by itself
# A machine that vanishes says nothing; its silence is noticed after about 25 seconds.
_KEEPALIVE = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}

_KEY = "tandem"
_LENGTH = struct.Struct("<Q")
_NOTES = struct.Struct("<BB")
_READING = struct.Struct("<qBB")
_BYE, _HEARD, _END, _REPORT = b"B", b"H", b"E", b"R"

Answer = Callable[[list[bytes]], bytes]


class Meeting(Protocol):
    """Where a framework's processes find each other.

    Attributes:
      index: rank of this process.
      count: number of ranks.
      host: address of rank 0's machine.
    """

    @property
    def index(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def host(self) -> str: ...

    def put(self, key: str, value: str) -> None:
        """Lets other ranks `get` the value."""
        ...

    def get(self, key: str) -> str:
        """Waits until rank 0 has `put` it."""
        ...


@dataclasses.dataclass
class Notes:
    """What every rank has to know of the others at the end of a step.

    Attributes:
      signal: number of the signal that asks the trial to stop; 0 for none.
      completed: whether the submission says that training is complete.
    """

    signal: int = 0
    completed: int = 0


class Ranks:
    """The ranks of a trial that one process runs: itself.

    Attributes:
      index: rank of this process.
      count: number of ranks.
      own: notes of this rank.
      agreed: notes of all ranks, when `now` was called last.
      now: nanoseconds, the same on all ranks, which have to call it together.
      glance: nanoseconds as far as this rank knows, at any time and from any thread.
      is_broken: whether the ranks end apart, since one failed.
    """

    index = 0
    count = 1
    is_broken = False

    def __init__(self) -> None:
        self.own = self.agreed = Notes()
        self.now = self.glance = time.perf_counter_ns

    def exchange(self, mine: bytes, answer: Answer) -> bytes:
        """What `answer`, called on rank 0, makes of what all ranks gave, in their order."""
        return answer([mine])

    def gathered(self, value: Any) -> list[Any]:
        """What all ranks gave, in their order; values that JSON can hold."""
        return [value]

    def settle(self, ended: TrialEnded) -> TrialEnded:
        """How the trial ended, given how this rank did: what failed first, as far as can be told."""
        return ended

    def when_stuck(self, end: Callable[[TrialEnded], int]) -> None:
        """Sets what a thread calls when another rank failed and the main thread does not notice. It
        returns the exit status.
        """

    def leave(self, status: int) -> int:
        """Tells the others; ends this process here if they end apart, otherwise returns the status."""
        return status

    def abandon(self) -> None:
        """Ends this process because of the exception that is being handled, if others depend on it."""


class Together(Ranks):
    """Several processes."""

    def __init__(
        self,
        index: int,
        count: int,
        talk: Sequence[socket.socket],
        listen: Sequence[socket.socket],
    ):
        """`talk` and `listen` are connections to the other ranks in their order, or to rank 0 alone."""
        super().__init__()
        self.index, self.count = index, count
        self.agreed = Notes()
        self.now = self._meet
        self._last = 0
        self.glance = time.perf_counter_ns if index == 0 else lambda: self._last
        self._talk, self._listen = talk, listen
        self._failed: list[tuple[int, TrialEnded | None]] = []  # None for a rank that is gone
        self._news, self._heard, self._over = (threading.Event() for _ in range(3))
        self._end: Callable[[TrialEnded], int] = lambda ended: 1
        self._threads = []
        for number, connection in enumerate(listen):
            hear = functools.partial(self._hear, number + 1) if index == 0 else self._hear_first
            self._threads.append(threading.Thread(target=hear, args=[connection], daemon=True))
            self._threads[-1].start()

    def exchange(self, mine: bytes, answer: Answer) -> bytes:
        """Raises RankLostError where a rank is gone."""
        try:
            if self.index:
                _send(self._talk[0], mine)
                return _receive(self._talk[0])
            result = answer([mine, *map(_receive, self._talk)])
            for connection in self._talk:
                _send(connection, result)
        except OSError as error:
            raise RankLostError(f"a rank is gone: {error}") from error
        return result

    def gathered(self, value: Any) -> list[Any]:
        mine = json.dumps(value).encode()
        return list(json.loads(self.exchange(mine, lambda all: b"[" + b",".join(all) + b"]")))

    def _meet(self) -> int:
        """Rank 0's clock when the last rank has come; docs/devices.md says what it costs."""
        own = _NOTES.pack(self.own.signal, self.own.completed)
        reading = _READING.unpack(self.exchange(own, _reading))
        self._last, self.agreed.signal, self.agreed.completed = reading
        return self._last

    def settle(self, ended: TrialEnded) -> TrialEnded:
        self.is_broken = True
        if self.index:
            with contextlib.suppress(OSError):  # rank 0 is gone
                _send(self._listen[0], _REPORT + ended.SerializeToString())
                self._heard.wait(GRACE_SEC)
            return ended
        self._news.wait(NEWS_SEC)
        cause = self._cause() if self._failed else ended
        return ended if cause.message.endswith(ended.message) else cause

    def _cause(self) -> TrialEnded:
        """Of the ranks that failed, one that is gone, or else the first: others fail because of it."""
        rank, ended = min(self._failed, key=lambda failed: failed[1] is not None)
        cause = TrialEnded(
            outcome=Outcome.HARNESS_ERROR, message="it ended without a word, as if it was killed"
        )
        if ended is not None:
            cause.CopyFrom(ended)
        cause.message = f"rank {rank}: {cause.message}"
        return cause

    def when_stuck(self, end: Callable[[TrialEnded], int]) -> None:
        self._end = end

    def leave(self, status: int) -> int:
        self._over.set()
        if not (self.index and self.is_broken):
            for connection in self._listen:
                with contextlib.suppress(OSError):
                    _send(connection, _END if self.is_broken else _BYE)
        if self.is_broken:
            _exit(status)
        for thread in self._threads:  # until the other ranks leave too
            thread.join(GRACE_SEC)
        for connection in (*self._talk, *self._listen):
            connection.close()
        return status

    def abandon(self) -> None:
        traceback.print_exc()
        self.is_broken = True
        self.leave(1)

    def _hear(self, rank: int, connection: socket.socket) -> None:
        """A thread of rank 0, for each other rank."""
        ended: TrialEnded | None = None
        try:
            message = _receive(connection)
            if message == _BYE:
                return
            ended = TrialEnded.FromString(message.removeprefix(_REPORT))
        except Exception:  # the connection's end, or nonsense
            if self._over.is_set():
                return
        self._failed.append((rank, ended))
        self._news.set()
        with contextlib.suppress(OSError):
            _send(connection, _HEARD)
        if not self._over.wait(GRACE_SEC):
            status = 1
            try:
                status = self._end(self._cause())
            finally:
                _exit(status)

    def _hear_first(self, connection: socket.socket) -> None:
        """A thread of the other ranks."""
        message = _HEARD
        while message == _HEARD:
            try:
                message = _receive(connection)
            except OSError:
                message = _END
            self._heard.set()
        if message == _END and not self._over.is_set():
            print(f"rank {self.index} ends because rank 0 did", file=sys.stderr)
            _exit(1)


def _reading(notes: list[bytes]) -> bytes:
    signals, completed = zip(*map(_NOTES.unpack, notes), strict=True)
    return _READING.pack(time.perf_counter_ns(), max(signals), max(completed))


def _exit(status: int) -> None:
    """Ends the process without what frameworks do at its end: they would wait for other ranks."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def connect(meet: Callable[[], Meeting | None]) -> Ranks:
    """Joins the ranks that `meet` brings together; None is for a process that is alone.

    Raises:
      UsageError: they did not all come.
    """
    try:
        meeting = meet()
        if meeting is None:
            return Ranks()
        return _host(meeting) if meeting.index == 0 else _guest(meeting)
    except Exception as error:
        raise UsageError(
            f"the processes of this trial did not come together: {printable(error)}"
        ) from error


def _host(meeting: Meeting) -> Together:
    token = secrets.token_hex(16)
    connections: dict[tuple[int, int], socket.socket] = {}
    with socket.create_server(("", 0)) as server:
        server.settimeout(JOIN_SEC)
        meeting.put(_KEY, f"{server.getsockname()[1]} {token}")
        while len(connections) < 2 * (meeting.count - 1):
            connection, _ = server.accept()
            _prepare(connection)
            try:
                said, rank, use = _receive(connection).split()
                is_known = secrets.compare_digest(said, token.encode())
            except (OSError, ValueError):
                is_known = False
            if is_known:
                connections[int(use), int(rank)] = connection
            else:
                connection.close()
    ranks = range(1, meeting.count)
    talk, listen = ([connections[use, rank] for rank in ranks] for use in (0, 1))
    for connection in connections.values():
        connection.settimeout(None)
    return Together(0, meeting.count, talk, listen)


def _guest(meeting: Meeting) -> Together:
    port, token = meeting.get(_KEY).split()
    connections = []
    for use in (0, 1):
        connection = socket.create_connection((meeting.host, int(port)), JOIN_SEC)
        _prepare(connection)
        _send(connection, f"{token} {meeting.index} {use}".encode())
        connection.settimeout(None)
        connections.append([connection])
    return Together(meeting.index, meeting.count, *connections)


def _prepare(connection: socket.socket) -> None:
    connection.settimeout(GRACE_SEC)  # until it has said who it is
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(message)) + message)


def _receive(connection: socket.socket) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises ConnectionError where the connection ends before."""
    data = bytearray()
    while len(data) < size:
        if not (more := connection.recv(min(size - len(data), 1 << 20))):
            raise ConnectionError("the connection has ended")
        data += more
    return bytes(data)
