import json
import math
import socket
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from harness.frames import DTYPES, MAX_TEXT_BYTES, Channel, FrameError

Pair = tuple[socket.socket, Channel]
MAX_BYTES = 1000


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A socket, and a channel that reads what is written there."""
    one, other = socket.socketpair()
    with one, other:
        yield one, Channel(other, MAX_BYTES)


def frame(message: object) -> bytes:
    text = json.dumps(message).encode()
    return struct.pack("<I", len(text)) + text


def test_a_frame_is_a_length_a_text_and_bytes(pair: Pair) -> None:
    other, channel = pair
    other.sendall(frame({"content": 1, "arrays": [["a", "uint8", [2]]]}) + b"\x07\x08")
    content, arrays = channel.receive()
    assert content == 1
    assert arrays["a"].tolist() == [7, 8]


ANY_ARRAY = arrays_of.arrays(
    st.sampled_from(sorted(DTYPES)), arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(content=JSON, arrays=st.lists(ANY_ARRAY, max_size=3), is_transposed=st.booleans())
def test_what_is_sent_arrives_to_the_bit(
    content: object, arrays: list[np.ndarray], is_transposed: bool
) -> None:
    sent = {str(i): array.T if is_transposed else array for i, array in enumerate(arrays)}
    one, other = socket.socketpair()
    with one, other:
        Channel(one).send(content, sent)
        found, received = Channel(other).receive()
    assert found == content
    assert [*received] == [*sent]
    for name, array in sent.items():
        assert (received[name].dtype, received[name].shape) == (array.dtype, array.shape)
        assert received[name].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack("<I", MAX_TEXT_BYTES + 1), "a text of 67108865 bytes"),
        (struct.pack("<I", 3) + b"{]}", "no message"),
        (struct.pack("<I", 1) + b"\xff", "no message"),
        (struct.pack("<I", 100_000) + b"[" * 100_000, "no message: RecursionError"),
        (frame({"content": 1}), "no message: KeyError"),
        (frame([1, 2]), "no message"),
        (frame({"content": 1, "arrays": [1]}), "no message"),
        (frame({"content": 1, "arrays": [["a", "object", [1]]]}), "type"),
        (frame({"content": 1, "arrays": [["a", ["O"], [1]]]}), "type"),
        (frame({"content": 1, "arrays": [[1, "int8", [1]]]}), "no message"),
        (frame({"content": 1, "arrays": [["\ud800", "int8", [1]]]}), "no message"),
        (frame({"content": 1, "arrays": [["a", "int8", [-1]]]}), "shape"),
        (frame({"content": 1, "arrays": [["a", "int8", [True]]]}), "shape"),
        (frame({"content": 1, "arrays": [["a", "int8", [1.5]]]}), "shape"),
        (frame({"content": 1, "arrays": [["a", "int8", [1] * 33]]}), "shape"),
        (frame({"content": 1, "arrays": [["a", "int8", [2**48]]]}), "shape"),
        (frame({"content": 1, "arrays": [["a", "int8", [1001]]]}), "arrays of 1001 bytes"),
        (frame({"content": 1, "arrays": [["a", "int8", [600]], ["b", "int8", [600]]]}), "1200"),
        (frame({"content": 1, "arrays": [["a", "int8", [1]], ["a", "int8", [1]]]}), "one name"),
    ],
)
def test_what_is_no_frame_is_refused_before_it_takes_memory(
    pair: Pair, data: bytes, message: str
) -> None:
    other, channel = pair
    other.sendall(data)
    with pytest.raises(FrameError, match=message):
        channel.receive()


def test_a_frame_that_breaks_off_is_an_end(pair: Pair) -> None:
    other, channel = pair
    other.sendall(frame({"content": 1, "arrays": [["a", "uint8", [2]]]}) + b"\x07")
    other.close()
    with pytest.raises(EOFError):
        channel.receive()


def test_nobody_is_waited_for_beyond_the_deadline(pair: Pair) -> None:
    _, channel = pair
    with pytest.raises(TimeoutError):
        channel.receive(deadline=0)
    with pytest.raises(TimeoutError):
        channel.send(1, deadline=-math.inf)
