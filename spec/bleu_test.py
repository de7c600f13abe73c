"""BLEU against numbers measured on the official implementation, and where it is peculiar."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec import bleu

# translations, references, official score, plain score
PUNCTUATION = (
    [
        "Hello, world! It costs $3.50 (approx.) - ok?",
        'He said: "No." &amp; left at 10:30, 2-3 times.',
    ],
    [
        "Hello world! It costs $3.60 (approx.) - OK?",
        'He said: "No!" & left at 10.30, 2-3 times.',
    ],
    54.562493506441015,
    54.562493506441015,
)
MEASURED = {
    "identical": (["the cat sat on the mat ."], ["the cat sat on the mat ."], 100, 100),
    "one": (
        ["the cat is on the mat"],
        ["there is a cat on the mat"],
        29.05925408079185,
        29.05925408079185,
    ),
    "short": (["the cat"], ["the cat sat on the mat"], 0, 0),
    "empty": ([""], ["the cat sat on the mat"], 0, 0),
    "punctuation": PUNCTUATION,
    "german": (
        ["Das ist ein kleines Haus, nicht wahr?", "Ich weiß es nicht."],
        ["Das ist ein Haus, nicht wahr?", "Das weiß ich nicht."],
        46.269559069048704,
        46.269559069048704,
    ),
    "no match": (["aa bb cc dd ee"], ["ff gg hh ii jj"], 5.341087579952926, 0),
    "two": (
        ["hello world .", "the cat sat on the mat ."],
        ["hello there world .", "the cat sat on a mat ."],
        42.10230489608309,
        42.10230489608309,
    ),
}


def scores(translations: list[str], references: list[str]) -> dict[str, float]:
    return bleu.scores(
        bleu.counts("bleu", translations, references)
        | bleu.counts("plain_bleu", translations, references)
    )


@pytest.mark.parametrize("name", MEASURED)
def test_measured_scores(name: str) -> None:
    translations, references, official, plain = MEASURED[name]
    found = scores(translations, references)
    assert found["bleu"] == pytest.approx(official, rel=1e-12, abs=1e-12)
    assert found["plain_bleu"] == pytest.approx(plain, rel=1e-12, abs=1e-12)


def test_measured_counts() -> None:
    translations, references, *_ = PUNCTUATION
    assert list(bleu.counts("x", translations, references).values()) == [
        *(27, 20, 15, 10),
        *(34, 32, 30, 28),
        *(34, 31),
    ]


def test_a_translation_ends_with_its_first_end_token() -> None:
    assert bleu.up_to_end(np.array([5, 2, 7, 2, 0]), 2) == ([5, 2], [5, 2])
    assert bleu.up_to_end(np.array([2, 5]), 2) == ([2], [2])
    assert bleu.up_to_end(np.array([5, 7, 9]), 2) == ([5], [5, 7, 9])


words = st.lists(st.sampled_from(["a", "b", "c", "d."]), max_size=8).map(" ".join)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=6), st.integers(0, 6))
def test_counts_add_up_over_batches(pairs: list[tuple[str, str]], cut: int) -> None:
    def counted(part: list[tuple[str, str]]) -> bleu.Counts:
        return bleu.counts("x", [a for a, _ in part], [b for _, b in part])

    whole, first, second = counted(pairs), counted(pairs[:cut]), counted(pairs[cut:])
    assert whole == {key: first[key] + second[key] for key in whole}
