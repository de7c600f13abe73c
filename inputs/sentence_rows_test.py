"""Packing: the rule by hand, then that rows hold every token once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inputs import sentence_rows
from inputs.pipeline import Batch

Side = list[list[int]]


def all_rows(inputs: Side, targets: Side, row_length: int, group: int) -> Batch:
    pairs = {
        "inputs": sentence_rows.from_lists(inputs),
        "targets": sentence_rows.from_lists(targets),
    }
    lengths = {side: sentences.packed_lengths() for side, sentences in pairs.items()}
    bounds = sentence_rows.greedy_rows(list(lengths.values()), row_length, group)
    return sentence_rows.packed(pairs, lengths, bounds, np.arange(len(bounds) - 1), row_length)


def test_by_hand() -> None:
    batch = all_rows([[5, 2], [6, 7, 2], [8, 2]], [[4, 2], [4, 2], [3, 3, 3, 2]], 5, 256)
    assert batch["inputs"].tolist() == [[5, 2, 6, 7, 2], [8, 2, 0, 0, 0]]
    assert batch["inputs_position"].tolist() == [[0, 1, 0, 1, 2], [0, 1, 0, 0, 0]]
    assert batch["inputs_segmentation"].tolist() == [[1, 1, 2, 2, 2], [1, 1, 0, 0, 0]]
    assert batch["targets"].tolist() == [[4, 2, 4, 2, 0], [3, 3, 3, 2, 0]]
    assert batch["weights"].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 0]]
    assert batch["inputs"].dtype == np.int32 and batch["weights"].dtype == np.float32


def test_a_row_ends_with_its_group() -> None:
    batch = all_rows([[5, 2]] * 5, [[5, 2]] * 5, 8, 2)
    assert batch["inputs_segmentation"].max(1).tolist() == [2, 2, 1]


def test_unknown_words_shorten_a_sentence_as_officially() -> None:
    batch = all_rows([[9, 2], [5, 0, 6, 2]], [[9, 2], [7, 2]], 8, 256)
    assert batch["inputs"].tolist() == [[9, 2, 5, 0, 6, 0, 0, 0]]
    assert batch["inputs_segmentation"].tolist() == [[1, 1, 2, 0, 2, 0, 0, 0]]
    assert batch["inputs_position"].tolist() == [[0, 1, 0, 1, 2, 0, 0, 0]]


def test_evaluation_keeps_one_pair_a_row_and_unknown_words() -> None:
    pairs = {
        "inputs": sentence_rows.from_lists([[5, 2], [5, 0, 6, 2]]),
        "targets": sentence_rows.from_lists([[4, 2], [0, 2]]),
    }
    batch = sentence_rows.padded(pairs, np.array([1, 0]), 5)
    assert batch["inputs"].tolist() == [[5, 0, 6, 2, 0], [5, 2, 0, 0, 0]]
    assert batch["weights"].tolist() == [[0, 1, 0, 0, 0], [1, 1, 0, 0, 0]]
    assert sentence_rows.padded(pairs, np.array([], np.int64), 5)["inputs"].shape == (0, 5)


sentence = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(st.lists(st.tuples(sentence, sentence), min_size=1, max_size=30), st.integers(1, 8))
def test_rows_hold_every_sentence_once_and_in_order(
    pairs: list[tuple[list[int], list[int]]], group: int
) -> None:
    batch = all_rows([a for a, _ in pairs], [b for _, b in pairs], 8, group)
    for side, number in (("inputs", 0), ("targets", 1)):
        tokens, segments = batch[side], batch[f"{side}_segmentation"]
        found = [
            row[of_row == k].tolist()
            for row, of_row in zip(tokens, segments, strict=True)
            for k in range(1, of_row.max() + 1)
        ]
        assert found == [pair[number] for pair in pairs]
        assert ((batch[f"{side}_position"] == 0) & (segments > 0)).sum() == len(pairs)
