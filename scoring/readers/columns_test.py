import numpy as np
import pytest

from scoring.readers.columns import read_columns
from scoring.records import Ledger


def read(text: str, texts: tuple[str, ...] = ()) -> tuple[dict, dict, Ledger]:
    ledger = Ledger()
    numbers, words = read_columns(
        text.encode(),
        "f.csv",
        ledger,
        is_number=lambda name: name not in ("w", "skip"),
        texts=texts,
    )
    return numbers, words, ledger


def test_numbers_texts_and_empty_cells() -> None:
    numbers, texts, ledger = read("a,w,b,skip\n1,x,,?\n2.5,y,1e-3,?\n", ("w",))
    assert numbers["a"].tolist() == [1, 2.5]
    np.testing.assert_array_equal(numbers["b"], [np.nan, 1e-3])
    assert texts == {"w": ["x", "y"]}
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
    assert texts["w"] == ["x", "z"]
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
    assert read_columns(b"\xff\xfe", "f.csv", ledger, is_number=lambda _: True) == ({}, {})
    assert "is not text" in ledger.problems[0].text
