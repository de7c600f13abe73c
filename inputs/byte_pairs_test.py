"""Byte pair encoding: GPT-2's pattern and merges by hand."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs import byte_pairs
from inputs.testing import write_vocabulary
from spec.loading import SpecError


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> byte_pairs.BytePairs:
    folder = tmp_path_factory.mktemp("vocabulary")
    write_vocabulary(folder)
    return byte_pairs.BytePairs(folder)


def test_words_are_cut_as_by_gpt2() -> None:
    text = "Hello  world's 123abc, ça va?\n\n x²_y\t"
    expected = ["Hello", " ", " world", "'s", " 123", "abc", ",", " ça", " va", "?"]
    expected += ["\n\n", " x", "²", "_", "y", "\t"]
    assert re.findall(byte_pairs.word_pattern(), text) == expected


def test_spaces_before_a_word_leave_one_to_it() -> None:
    assert re.findall(byte_pairs.word_pattern(), "a   b  ") == ["a", "  ", " b", "  "]


def test_merges_by_hand(pairs: byte_pairs.BytePairs) -> None:
    names = {number: token for token, number in pairs.ids.items()}
    assert [names[i] for i in pairs.encode("hello world")] == ["hello", "Ġwo", "r", "l", "d"]
    assert [names[i] for i in pairs.encode("hehello")] == ["he", "hello"]
    assert [names[i] for i in pairs.encode("é")] == ["Ã", "©"]


@given(st.text(max_size=40))
def test_no_byte_is_lost(pairs: byte_pairs.BytePairs, text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    names = {number: token for token, number in pairs.ids.items()}
    codes = {character: byte for byte, character in enumerate(byte_pairs.printable_bytes())}
    found = bytes(codes[c] for i in pairs.encode(text) for c in names[i])
    assert found == text.encode()


def test_bytes_have_gpt2s_characters() -> None:
    characters = byte_pairs.printable_bytes()
    assert len(set(characters)) == 256
    assert (characters[ord(" ")], characters[ord("\n")], characters[0xAD]) == ("Ġ", "Ċ", "Ń")


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"vocab\.json"):
        byte_pairs.BytePairs(tmp_path)
    write_vocabulary(tmp_path)
    (tmp_path / "merges.txt").write_text("#version: 0.2\nx y\n")
    with pytest.raises(SpecError, match="lacks 'xy'"):
        byte_pairs.BytePairs(tmp_path)
    (tmp_path / "merges.txt").write_text("#version: 0.2\nnot a pair\n")
    with pytest.raises(SpecError, match=r"merges\.txt"):
        byte_pairs.BytePairs(tmp_path)
