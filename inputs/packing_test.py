"""Parts: by hand, and that a stream of them is what its description says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs.packing import Budget, Stream, part_ends, parts

BUDGET = Budget(3, (10, 100))


def test_each_limit_ends_a_part() -> None:
    sizes = [[1, 1], [1, 1], [1, 1], [1, 1]]  # three examples at most
    sizes += [[10, 1], [1, 60]]  # ten of the first measure
    sizes += [[1, 41], [1, 59]]  # a hundred of the second
    assert part_ends(np.array(sizes), BUDGET) == [3, 4, 5, 6, 8]


def test_exactly_full_is_not_too_much() -> None:
    assert part_ends(np.array([[4, 50], [6, 50], [10, 100]]), BUDGET) == [2, 3]


def test_an_example_over_the_budget_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"sizes \[2, 101\], but a part of a batch holds \[10, 100\]"
    ):
        part_ends(np.array([[1, 1], [2, 101]]), BUDGET)


def test_parts_end_with_minus_one() -> None:
    found = parts(np.array([7, 5, 6, 4]), [1, 4], BUDGET)
    assert found.tolist() == [[7, -1, -1], [5, 6, 4]]


sizes_of = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 100)), min_size=1, max_size=9)


def order(epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng(epoch).permutation(count)


@given(sizes_of)
def test_a_stream_is_greedy_over_epochs_without_a_gap(listed: list[tuple[int, int]]) -> None:
    sizes = np.array(listed)
    count = len(sizes)
    stream = Stream(sizes, lambda epoch: order(epoch, count), BUDGET)
    found = stream.part_indices(0, 2 * count)
    taken = [row[row >= 0] for row in found]
    whole = np.concatenate([order(epoch, count) for epoch in range(6 * count)])
    np.testing.assert_array_equal(np.concatenate(taken), whole[: sum(map(len, taken))])
    start = 0
    for part in taken:
        assert part.size and (sizes[part].sum(0) <= BUDGET.totals).all()
        more = whole[start : start + len(part) + 1]
        assert len(part) == BUDGET.num_examples or (sizes[more].sum(0) > BUDGET.totals).any()
        start += len(part)


@given(sizes_of, st.integers(0, 20))
def test_a_part_does_not_depend_on_what_was_asked_before(
    listed: list[tuple[int, int]], number: int
) -> None:
    sizes = np.array(listed)
    fresh, used = (Stream(sizes, lambda epoch: order(epoch, len(sizes)), BUDGET) for _ in range(2))
    used.part_indices(0, 30)
    expected = used.part_indices(number, number + 2)
    np.testing.assert_array_equal(fresh.part_indices(number, number + 2), expected)
