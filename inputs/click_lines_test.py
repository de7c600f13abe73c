"""Known answers come from the official pipeline."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs.click_lines import NUM_CATEGORICAL, NUM_INTEGERS, rows_of
from inputs.farmhash import fingerprint64
from spec import loading
from spec.loading import SpecError

BUCKETS = loading.load_workload("criteo1tb").dataset.criteo1tb.num_buckets
INTEGERS = [5, 110, -2, 16, -1, 1, 0, 14, 7, 1, 2, 3, 306]
HEX = [f"{0x1A2B3C4D + i * 0x01010101:08x}" for i in range(NUM_CATEGORICAL)]
LOGARITHMS = [
    1.7917595, 4.7095304, 0, 2.8332133, 0, 0.6931472, 0, 2.7080503, 2.0794415, 0.6931472,
    1.0986123, 1.3862944, 5.7268476,
]  # fmt: skip
# Columns 0 and 9 are rounded by float32: hashed, they are 19305193 and 30805005.
IDS = [
    19305192, 22433, 4799, 4727, 818, 0, 4231, 341, 20, 30805004, 1058594, 83647, 8, 1106, 678, 50,
    0, 332, 13, 13442695, 9926200, 28005240, 43809, 7395, 88, 15,
]  # fmt: skip
IDS_OF_ABSENT = [
    16124033, 10351, 4188, 7307, 19695, 0, 6670, 378, 5, 27691836, 1866611, 184436, 4, 202, 10577,
    64, 3, 387, 9, 13392961, 5775802, 11306799, 361450, 6860, 42, 8,
]  # fmt: skip


def line(click: object = 1, integers: list = INTEGERS, fields: list[str] = HEX) -> bytes:
    return ("\t".join(map(str, [click, *integers, *fields])) + "\n").encode()


ABSENT = line("", [""] * NUM_INTEGERS, [""] * NUM_CATEGORICAL)


def rows(text: bytes) -> np.ndarray:
    return rows_of(text, BUCKETS, "day_0.gz", 1)


def test_the_golden_lines() -> None:
    full, absent = rows(line() + ABSENT)
    np.testing.assert_allclose(full[1:14], LOGARITHMS, rtol=1e-7)
    np.testing.assert_array_equal(full[14:], IDS)
    assert full[0] == 1
    np.testing.assert_array_equal(absent, [0, *[0] * NUM_INTEGERS, *IDS_OF_ABSENT])


def test_minus_one_is_absent_everywhere() -> None:
    text = line(-1, [-1] * NUM_INTEGERS, ["-1"] * NUM_CATEGORICAL)
    np.testing.assert_array_equal(rows(text), rows(ABSENT))


def test_lines_may_end_in_carriage_returns() -> None:
    np.testing.assert_array_equal(rows(line().replace(b"\n", b"\r\n")), rows(line()))


@given(
    integers=st.lists(
        st.none() | st.integers(-3, 2**40), min_size=NUM_INTEGERS, max_size=NUM_INTEGERS
    ),
    fields=st.lists(
        st.text("0123456789abcdef\"'# -é", max_size=7) | st.sampled_from(HEX),
        min_size=NUM_CATEGORICAL,
        max_size=NUM_CATEGORICAL,
    ),
)
def test_a_line_gets_what_its_fields_say(integers: list[int | None], fields: list[str]) -> None:
    found = rows(line(0, ["" if x is None else x for x in integers], fields) + ABSENT)[0]
    for value, x in zip(found[1:14], integers, strict=True):
        shifted = np.float32(np.float32(max(x or 0, 0)) + 1)
        assert value == np.float32(math.log(shifted))
    for i, (bucket, field) in enumerate(zip(found[14:], fields, strict=True)):
        text = "00000000" if field in ("", "-1") else field
        assert bucket == np.float32(fingerprint64(f"{text}{i}".encode()) % BUCKETS[i])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line()[:-10] + b"\n", "39 fields, expected 40"),
        (line(fields=[*HEX, "1a2b3c4d"]), "41 fields, expected 40"),
        (b"\n", "1 fields, expected 40"),
        (line(2), "field 1 is '2', expected 0 or 1"),
        (line("yes"), "field 1 is 'yes', expected 0 or 1"),
        (line(integers=[*INTEGERS[:-1], "1.5"]), "field 14 is '1.5', expected an integer"),
        (line(integers=["9" * 20, *INTEGERS[1:]]), "field 2 is '99999999999999999999', expected"),
        (line(fields=["0" * 15, *HEX[1:]]), "field 15 has 15 bytes, expected 8 hex digits"),
    ],
)
def test_a_malformed_line_is_named(bad: bytes, message: str) -> None:
    with pytest.raises(SpecError) as error:
        rows_of(line() * 2 + bad + line(), BUCKETS, "day_7.gz", 101)
    assert str(error.value).startswith(f"day_7.gz:103: {message}")


def test_too_short_and_too_long_lines_do_not_make_up_for_each_other() -> None:
    with pytest.raises(SpecError, match=r"day_0.gz:1: 39 fields"):
        rows(line()[:-10] + b"\n" + line(fields=[*HEX, "1a2b3c4d"]))


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(SpecError, match=r"day_0.gz:1: this line, or one up to line 3, is not text"):
        rows(line() + line().replace(b"1a2b3c4d", b"1a2b3c4\xff") + line())
