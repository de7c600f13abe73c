"""Messages between the two processes of an isolated trial: JSON and arrays, and nothing that is run.

A frame is the length of a JSON text, the text, and the bytes of the arrays that it lists, one behind
the other. What comes is checked and bounded before memory is taken for it: the other side may be
anybody.
"""

import contextlib
import json
import math
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]

MAX_TEXT_BYTES = 64 * 2**20
MAX_NUM_DIMENSIONS = 32
DTYPES = frozenset(
    ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
).union(("float16", "float32", "float64"))
_LENGTH = struct.Struct("<I")


class FrameError(ValueError):
    """What came is no frame, or larger than allowed."""


class Channel:
    """One end of a connection."""

    def __init__(self, connection: socket.socket, max_array_bytes: int = 2**63):
        """`max_array_bytes` is the most that the arrays of a frame that comes may take together."""
        self._connection = connection
        self._max_array_bytes = max_array_bytes

    def send(
        self, content: Any, arrays: Mapping[str, np.ndarray] = {}, deadline: float = math.inf
    ) -> None:
        """Sends what JSON can hold, and arrays.

        Args:
          content: the message.
          arrays: by name, of a type in DTYPES.
          deadline: in seconds of `time.monotonic`.

        Raises:
          TimeoutError, OSError: it did not go through in time, or the other end is gone.
        """
        table = [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()]
        text = json.dumps({"content": content, "arrays": table}).encode()
        self._send(_LENGTH.pack(len(text)) + text, deadline)
        for array in arrays.values():
            self._send(_bytes_of(np.asarray(array, order="C")), deadline)

    def receive(self, deadline: float = math.inf) -> tuple[Any, Arrays]:
        """The next message and its arrays.

        Raises:
          FrameError: it is malformed or too large.
          EOFError: the other end is closed.
          TimeoutError, OSError: it did not come in time, or the connection broke.
        """
        head = bytearray(_LENGTH.size)
        self._fill(memoryview(head), deadline)
        (length,) = _LENGTH.unpack(head)
        if length > MAX_TEXT_BYTES:
            raise FrameError(f"a text of {length} bytes, at most {MAX_TEXT_BYTES} are allowed")
        text = bytearray(length)
        self._fill(memoryview(text), deadline)
        content, table = _parsed(bytes(text))
        if (total := sum(_num_bytes(*entry) for entry in table)) > self._max_array_bytes:
            raise FrameError(
                f"arrays of {total} bytes, at most {self._max_array_bytes} are allowed"
            )
        arrays: Arrays = {}
        for name, dtype, shape in table:
            arrays[name] = np.empty(shape, dtype)
            self._fill(_bytes_of(arrays[name]), deadline)
        return content, arrays

    def end(self) -> None:
        """Sends no more; the other end reads what is on the way, and then an EOFError."""
        self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Ends the connection for both, also for a thread that waits in it."""
        with contextlib.suppress(OSError):  # the other end was faster
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _wait_until(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(None if math.isinf(left) else left)

    def _send(self, data: bytes | memoryview, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            self._wait_until(deadline)
            rest = rest[self._connection.send(rest) :]

    def _fill(self, place: memoryview, deadline: float) -> None:
        while place:
            self._wait_until(deadline)
            num_read = self._connection.recv_into(place)
            if num_read == 0:
                raise EOFError
            place = place[num_read:]


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _parsed(text: bytes) -> tuple[Any, list[tuple[str, str, list[int]]]]:
    try:
        message = json.loads(text)
        table = [(name, dtype, shape) for name, dtype, shape in message["arrays"]]
        content = message["content"]
        for name, _, _ in table:
            name.encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FrameError(f"no message: {type(error).__name__}") from error
    for _, dtype, shape in table:
        is_shape = isinstance(shape, list) and len(shape) <= MAX_NUM_DIMENSIONS
        if not (is_shape and all(type(n) is int and 0 <= n < 2**48 for n in shape)):
            raise FrameError("an array's shape is no list of sizes")
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise FrameError("an array's type is none that is known")
    if len({name for name, _, _ in table}) < len(table):
        raise FrameError("two arrays of one name")
    return content, table


def _num_bytes(name: str, dtype: str, shape: list[int]) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize
