"""GPT-2's tokens: byte pair encoding of words (Radford et al. 2019), from its published files
`vocab.json` and `merges.txt`.

Text is cut into words by GPT-2's pattern: contractions; runs of letters, of numbers or of other
characters, each with one space before it; spaces. A word's bytes, written as printable characters,
are merged pair by pair, in the order of the merges.
"""

import functools
import itertools
import json
import re
import sys
import unicodedata
from pathlib import Path

from spec.loading import SpecError

CACHED_WORDS = 1 << 18


class BytePairs:
    """The tokens of one vocabulary.

    Raises:
      SpecError: a file is missing or not of this form.
    """

    def __init__(self, folder: Path):
        try:
            text = (folder / "vocab.json").read_text(encoding="utf-8")
            self.ids: dict[str, int] = json.loads(text)
            lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
            merges = [tuple(x.split(" ")) for x in lines if x and not x.startswith("#version")]
            self._ranks = {(a, b): rank for rank, (a, b) in enumerate(merges)}
            missing = [a + b for a, b in self._ranks if a + b not in self.ids]
            missing += [c for c in printable_bytes() if c not in self.ids]
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SpecError(
                f"{folder}: expected GPT-2's vocab.json and merges.txt: {error}"
            ) from error
        if missing:
            raise SpecError(f"{folder}: vocab.json lacks {missing[0]!r}, which merges.txt needs")
        self._pattern = re.compile(word_pattern())
        self._characters = printable_bytes()
        self._of_word = functools.lru_cache(CACHED_WORDS)(self._encode_word)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        words = self._pattern.findall(text)
        return list(itertools.chain.from_iterable(map(self._of_word, words)))

    def _encode_word(self, word: str) -> list[int]:
        parts = [self._characters[byte] for byte in word.encode("utf-8")]
        while len(parts) > 1:
            pairs = list(itertools.pairwise(parts))
            first = min(pairs, key=lambda pair: self._ranks.get(pair, sys.maxsize))
            if first not in self._ranks:
                break
            parts = merged(parts, first)
        return [self.ids[part] for part in parts]


def merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """The parts with every occurrence of the pair joined, from left to right."""
    result = []
    place = 0
    while place < len(parts):
        if tuple(parts[place : place + 2]) == pair:
            result.append(pair[0] + pair[1])
            place += 2
        else:
            result.append(parts[place])
            place += 1
    return result


@functools.cache
def printable_bytes() -> tuple[str, ...]:
    """The character that stands for each byte: itself where it is printable Latin-1 other than a
    space, else the next one from U+0100 on.
    """
    itself = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = itertools.count(256)
    return tuple(chr(byte) if byte in itself else chr(next(others)) for byte in range(256))


@functools.cache
def word_pattern() -> str:
    r"""GPT-2's pattern with the classes \p{L} and \p{N} written out: Python's `re` lacks them."""
    letter, number = _ranges("L"), _ranges("N")
    return (
        rf"'s|'t|'re|'ve|'m|'ll|'d| ?[{letter}]+| ?[{number}]+"
        rf"| ?[^\s{letter}{number}]+|\s+(?!\S)|\s+"
    )


def _ranges(category: str) -> str:
    """All characters of a Unicode category, as the inside of a character class."""
    of_category = [
        code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == category
    ]
    runs: list[list[int]] = []
    for code in of_category:
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in runs)
