"""Sentence pairs in rows of fixed length: one pair a row for evaluation, several for training.

Packing is greedy and in order, as officially: a pair goes into the open row while both its sides fit,
and the open row ends with every group of pairs. A sentence counts with as many tokens as it has other
than 0, so one that has zeros (unknown words) loses tokens from its end.
"""

from typing import NamedTuple

import numpy as np

from inputs.pipeline import Batch


class Sentences(NamedTuple):
    """Sentences of one language, end to end: sentence i is tokens[starts[i] : starts[i + 1]]."""

    tokens: np.ndarray  # int [N]
    starts: np.ndarray  # int64 [P + 1]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def packed_lengths(self) -> np.ndarray:
        """Tokens of each sentence that packing keeps."""
        return np.add.reduceat(self.tokens != 0, self.starts[:-1], dtype=np.int64)


Pairs = dict[str, Sentences]  # under `inputs` and `targets`


def from_lists(sentences: list[list[int]]) -> Sentences:
    """Sentences, none of them empty."""
    starts = np.cumsum([0, *map(len, sentences)], dtype=np.int64)
    return Sentences(np.concatenate(sentences), starts)


def greedy_rows(lengths: list[np.ndarray], row_length: int, pairs_per_group: int) -> np.ndarray:
    """Bounds int64 [R + 1]: row r holds the pairs bounds[r] .. bounds[r + 1] - 1. `lengths` are those
    of either side, each at most `row_length`.
    """
    bounds = [0]
    used = [row_length, row_length]  # the first pair opens a row
    for number, pair in enumerate(zip(*(side.tolist() for side in lengths), strict=True)):
        a, b = used[0] + pair[0], used[1] + pair[1]
        if a > row_length or b > row_length or number % pairs_per_group == 0:
            bounds.append(number)
            a, b = pair
        used = [a, b]
    return np.array([*bounds[1:], len(lengths[0])], np.int64)


def packed(
    pairs: Pairs,
    lengths: dict[str, np.ndarray],
    bounds: np.ndarray,
    rows: np.ndarray,
    row_length: int,
) -> Batch:
    """A training batch of the packed rows `rows` [B]: `inputs` and `targets`, each with `_position`
    and `_segmentation`, int32 [B, row_length], and `weights` float32. `lengths` are the packed ones.
    """
    firsts, counts = bounds[rows], bounds[rows + 1] - bounds[rows]
    chosen = runs(firsts, counts)
    row_of_pair = np.repeat(np.arange(len(rows)), counts)
    number_in_row = runs(np.ones(len(rows), np.int64), counts)
    batch = {}
    for side, sentences in pairs.items():
        num_tokens = lengths[side][chosen]
        before = np.cumsum(num_tokens) - num_tokens
        start_in_row = before - before[np.cumsum(counts) - counts][row_of_pair]
        place = np.repeat(row_of_pair * row_length + start_in_row, num_tokens)
        position = runs(np.zeros(len(chosen), np.int64), num_tokens)
        found = sentences.tokens[np.repeat(sentences.starts[chosen], num_tokens) + position]
        segments = np.repeat(number_in_row, num_tokens) * (found != 0)
        for name, values in (("", found), ("_position", position), ("_segmentation", segments)):
            array = np.zeros(len(rows) * row_length, np.int32)
            array[place + position] = values
            batch[side + name] = array.reshape(len(rows), row_length)
    return batch | {"weights": (batch["targets"] > 0).astype(np.float32)}


def padded(pairs: Pairs, chosen: np.ndarray, row_length: int) -> Batch:
    """An evaluation batch of the pairs `chosen` [B], one a row: `inputs` and `targets` int32
    [B, row_length], and `weights` float32.
    """
    batch = {}
    for side, sentences in pairs.items():
        num_tokens = sentences.lengths[chosen] if len(chosen) else np.zeros(0, np.int64)
        position = runs(np.zeros(len(chosen), np.int64), num_tokens)
        array = np.zeros((len(chosen), row_length), np.int32)
        place = np.repeat(np.arange(len(chosen)), num_tokens)
        array[place, position] = sentences.tokens[
            np.repeat(sentences.starts[chosen], num_tokens) + position
        ]
        batch[side] = array
    return batch | {"weights": (batch["targets"] > 0).astype(np.float32)}


def runs(firsts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """firsts[0], firsts[0] + 1 ... (counts[0] of them), firsts[1] ...; int64."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(firsts - (ends - counts), counts)
