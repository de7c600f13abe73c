from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.readers import columns
from scoring.readers.columns import LARGE, LINE, Run, _read_flawless, read_columns
from scoring.records import Ledger


def read(text: str, texts: tuple[str, ...] = ()) -> tuple[dict, dict, Ledger]:
    ledger = Ledger()
    numbers, runs = read_columns(text.encode(), "f.csv", ledger, is_number=is_number, texts=texts)
    keys = cells_of(runs)
    return numbers, {name: tuple(key[i] for key in keys) for i, name in enumerate(texts)}, ledger


def is_number(name: str) -> bool:
    return name not in ("w", "skip")


def cells_of(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    return [key for key, rows in runs for _ in range(rows.start, rows.stop)]


def test_numbers_texts_and_empty_cells() -> None:
    numbers, texts, ledger = read("a,w,b,skip\n1,x,,?\n2.5,y,1e-3,?\n", ("w",))
    assert numbers["a"].tolist() == [1, 2.5]
    np.testing.assert_array_equal(numbers["b"], [np.nan, 1e-3])
    assert texts == {"w": ("x", "y")}
    assert "skip" not in numbers and not ledger.problems


def test_every_digit_is_kept() -> None:
    numbers, _, _ = read("a\n7208.395542383194\n0.30000000000000004\n")
    assert numbers["a"].tolist() == [7208.395542383194, 0.30000000000000004]


@pytest.mark.parametrize(
    ("row", "reason"), [("1", "1 cells"), ("1,2,3,4", "4 cells"), ("1,x,2e", "b is '2e'")]
)
def test_a_row_that_does_not_fit_is_left_out_and_reported_with_its_line(
    row: str, reason: str
) -> None:
    numbers, texts, ledger = read(f"a,w,b\n1,x,2\n{row}\n3,z,4\n", ("w",))
    assert (numbers["a"].tolist(), numbers["b"].tolist()) == ([1, 3], [2, 4])
    assert texts["w"] == ("x", "z")
    (problem,) = ledger.problems
    assert (problem.path, problem.line, problem.is_error) == ("f.csv", 3, True)
    assert reason in problem.text


@pytest.mark.parametrize("cell", ["-1", "inf", "nan", ""])
@pytest.mark.parametrize("name", ["score", "accumulated_submission_time", "global_step"])
def test_an_impossible_time_or_step_leaves_its_row_out(name: str, cell: str) -> None:
    numbers, _, ledger = read(f"{name},b\n1,2\n{cell},inf\n3,-4\n")
    assert (numbers[name].tolist(), numbers["b"].tolist()) == ([1, 3], [2, -4])
    (problem,) = ledger.problems
    assert (problem.line, problem.is_error) == (3, True)
    assert f"{name} is" in problem.text


@pytest.mark.parametrize(
    "cell", ["1_0", "٠.٠٣", "０.０３", " 1", "0x1", "infinity", "1e", "+-1", "."]
)
def test_what_python_or_nobody_reads_as_a_number_is_none(cell: str) -> None:
    numbers, _, ledger = read(f"a\n1\n{cell}\n3\n")
    assert numbers["a"].tolist() == [1, 3]
    assert ledger.problems[0].line == 3 and "no number" in ledger.problems[0].text


@pytest.mark.parametrize("cell", ["-.5", "1.", "2e-3", "+4E2", "nan", "-inf"])
def test_what_is_a_number_is_read_alike_on_both_ways(cell: str) -> None:
    alone, _, _ = read(f"a\n{cell}\n")
    beside, _, _ = read(f"a\n{cell}\nx\n")
    np.testing.assert_array_equal(alone["a"], beside["a"])
    np.testing.assert_array_equal(alone["a"], [float(cell)])


def test_a_short_and_a_long_row_do_not_make_up_for_each_other() -> None:
    numbers, _, ledger = read("a,b\n1\n2,3,4\n5,6\n")
    assert numbers["a"].tolist() == [5]
    assert [problem.line for problem in ledger.problems] == [2, 3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        ("a,a\n1,2\n", "distinct column names"),
        ("", "distinct column names"),
    ],
)
def test_a_file_that_is_no_table_is_reported(text: str, reason: str) -> None:
    numbers, _, ledger = read(text)
    assert numbers == {} and reason in ledger.problems[0].text


def test_a_header_alone_is_a_table_without_rows() -> None:
    numbers, _, ledger = read("a,b\n")
    assert numbers["a"].size == 0 and not ledger.problems


def test_a_last_row_without_a_newline_is_torn() -> None:
    numbers, _, ledger = read("a,b\n1,2\n3,4")
    assert numbers["a"].tolist() == [1]
    (problem,) = ledger.problems
    assert (problem.line, problem.is_error) == (3, True) and "torn" in problem.text


def test_bytes_that_are_no_text_are_reported() -> None:
    ledger = Ledger()
    assert read_columns(b"\xff\xfe", "f.csv", ledger, is_number=lambda _: True) == ({}, [])
    assert "is not text" in ledger.problems[0].text


CELLS = st.sampled_from(["1", "2.5", "-3e-2", "", "x", "0.30000000000000004", "nan", "inf", "1_0"])
ODD_TEXT = st.text(alphabet="1.e-+,\n\r\t \x0b\x0c\x00\"'#é", max_size=12)
# The last column of some is read, of others not.
HEADERS = st.sampled_from(["a,w,score", "w,a,skip", "w,skip,a", "score,a,w", "a,w,a", "w,a,"])
WHOLE = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6)
RAGGED = st.lists(st.lists(st.sampled_from(["1", "2.5", ""]), min_size=2, max_size=4), max_size=6)


@pytest.mark.parametrize("texts", [(), ("w",)])
@given(HEADERS, WHOLE | RAGGED, st.just("") | ODD_TEXT, st.booleans())
def test_the_fast_way_gives_what_the_careful_one_does_or_nothing(
    texts: tuple[str, ...], header: str, rows: list[Sequence[str]], odd: str, ends: bool
) -> None:
    lines = [header, *map(",".join, rows), odd] if odd else [header, *map(",".join, rows)]
    text = "\n".join(lines) + "\n" * ends
    fast = _read_flawless(text.encode(), is_number, texts)
    if fast is not None:
        ledger = Ledger()
        numbers, runs = read_columns(
            text.encode(), "f.csv", ledger, is_number=is_number, texts=texts
        )
        assert not ledger.problems
        assert fast[0].keys() == numbers.keys()
        for name, values in numbers.items():
            np.testing.assert_array_equal(fast[0][name], values)
        assert cells_of(fast[1]) == cells_of(runs)


def test_a_large_table_without_texts_reads_as_its_small_parts_do() -> None:
    text = "a,score\n" + "1.5,2.5\n" * 40_000
    numbers, _, ledger = read(text)
    assert len(text) > LARGE and _read_flawless(text.encode(), is_number, ())
    assert numbers["score"].tolist() == [2.5] * 40_000 and not ledger.problems


@pytest.mark.parametrize("rows", ["5,x,\n5,x,,\n", "5,x\n5,x,,\n", "5\n5,x,,,\n"])
def test_the_fast_way_counts_the_cells_of_each_row(rows: str) -> None:
    """Too few cells and too many make up for each other in number, and the last is not read."""
    good = "a,w,skip\n1,x,2\n"
    assert _read_flawless(good.encode(), is_number, ("w",)) is not None
    assert _read_flawless(f"{good}{rows}".encode(), is_number, ("w",)) is None


def test_a_large_table_reads_as_its_small_parts_do() -> None:
    rows = [f"{k}.25,{'xyz'[k // 9 % 3]},{k / 7!r}\n" for k in range(20_000)]
    text = "a,w,score\n" + "".join(rows)
    assert len(text) > LARGE and _read_flawless(text.encode(), is_number, ("w",))
    numbers, words, ledger = read(text, ("w",))
    assert numbers["score"].tolist() == [k / 7 for k in range(20_000)] and not ledger.problems
    assert numbers[LINE][[0, -1]].tolist() == [2, 20_001]
    assert list(words["w"]) == ["xyz"[k // 9 % 3] for k in range(20_000)]


def test_a_fault_in_a_large_table_is_reported_with_its_line() -> None:
    text = "a,b\n" + "1.5,2.5\n" * 40_000 + "x,3\n" + "1.5,2.5\n"
    numbers, _, ledger = read(text)
    assert len(text) > LARGE and len(numbers["a"]) == 40_001
    assert [problem.line for problem in ledger.problems] == [40_002]


def test_a_file_of_faults_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read in blocks: those of the first count, and what is left out is said."""
    monkeypatch.setattr(columns, "MAX_LEFT_OUT", 10)
    monkeypatch.setattr(columns, "BLOCK", 64)
    numbers, _, ledger = read("a,b\n1,2\n" + "\n" * 500 + "3,4\n")
    assert numbers["a"].tolist() == [1]
    assert "no table" in ledger.problems[-1].text
    assert len(ledger.problems) < 100


def test_blocks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "BLOCK", 16)
    numbers, words, ledger = read(
        "a,w\n" + "".join(f"{k},{'xy'[k % 2]}\n" for k in range(99)), ("w",)
    )
    assert numbers["a"].tolist() == list(range(99))
    assert numbers[LINE].tolist() == list(range(2, 101))
    assert words["w"] == tuple("xy"[k % 2] for k in range(99)) and not ledger.problems


@pytest.mark.parametrize(
    "row",
    [
        "1,x",
        "1,x,2,3",
        " 1,x,2",
        "1,x,2\r",
        "nan,x,2",
        "inf,x,2",
        "1,x,-2",
        "1,x,",
        "é,x,2",
        "",
        "y,x,2",
    ],
)
def test_the_fast_way_leaves_every_doubt_to_the_careful_one(row: str) -> None:
    good = "a,w,score\n,x,2.5\n1,,2.5\n"
    assert _read_flawless(good.encode(), is_number, ("w",)) is not None
    assert _read_flawless(f"{good}{row}\n".encode(), is_number, ("w",)) is None
    assert _read_flawless(f"{good}1,x,2".encode(), is_number, ("w",)) is None


def test_the_fast_way_does_not_fill_up_a_short_row() -> None:
    assert _read_flawless(b"score,w,a\n1,x,2\n1,x,\n", is_number, ("w",)) is not None
    assert _read_flawless(b"score,w,a\n1,x,2\n1,x\n", is_number, ("w",)) is None
