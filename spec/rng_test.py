import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec import rng


def test_philox_known_answers() -> None:
    # Known-answer vectors of Random123 for philox4x64-10.
    assert [hex(word) for word in rng.bits((0, 0), 4)] == [
        "0x16554d9eca36314c",
        "0xdb20fe9d672d0fdc",
        "0xd7e772cee186176b",
        "0x7e68b68aec7ba23b",
    ]


def test_keys_are_the_documented_digest() -> None:
    digest = hashlib.sha256(b"tandem-rng-1\x007\x00initialize\x00head.kernel\x000").digest()
    low, high = rng.key(7, "initialize", "head.kernel")
    assert low.to_bytes(8, "little") + high.to_bytes(8, "little") == digest[:16]


@pytest.mark.parametrize(
    "other", [(8, "p", "n", 1), (7, "q", "n", 1), (7, "p", "m", 1), (7, "p", "n", 2)]
)
def test_every_part_of_a_key_counts(other: tuple[int, str, str, int]) -> None:
    assert rng.key(7, "p", "n", 1) != rng.key(*other)


def test_key_words_carry_the_seed_of_the_next_level() -> None:
    words = rng.key_words(3, "model")
    assert words.dtype == np.uint32 and words.shape == (2,)
    assert rng.seed_of(words) == rng.key(3, "model")[0]


@given(start=st.integers(0, 50).map(lambda block: 4 * block), count=st.integers(0, 40))
def test_a_stream_can_be_entered_anywhere(start: int, count: int) -> None:
    whole = rng.bits((1, 2), start + count)
    np.testing.assert_array_equal(rng.bits((1, 2), count, start), whole[start:])


def test_uniform32_takes_the_top_bits_low_half_first() -> None:
    word = int(rng.bits((5, 6), 1)[0])
    expected = [(word & 0xFFFFFFFF) >> 8, word >> 40]
    np.testing.assert_array_equal(rng.uniform32((5, 6), (2,)) * 2**24, expected)


@given(shape=st.lists(st.integers(0, 5), max_size=3).map(tuple))
def test_uniform32_is_in_range_and_of_the_shape(shape: tuple[int, ...]) -> None:
    numbers = rng.uniform32((1, 1), shape)
    assert numbers.shape == shape and numbers.dtype == np.float32
    assert ((numbers >= 0) & (numbers < 1)).all()


def test_uniform64_reaches_neither_end(monkeypatch: pytest.MonkeyPatch) -> None:
    words = np.array([0, 2**64 - 1, 2**64 - 2**11 - 1, 1 << 63], np.uint64)
    monkeypatch.setattr(rng, "bits", lambda key, count, start: words)
    numbers = rng.uniform64((0, 0), 4)
    # 2^53 - 3/2 lies between two float64 and goes to the even one.
    assert numbers.tolist() == [2.0**-54, 1 - 2.0**-53, 1 - 2.0**-52, 0.5]
    # Minus the quantile of 2^-53, by scipy.special.ndtri.
    assert rng.normal_quantile(numbers)[1] == pytest.approx(8.209536151601387, rel=1e-15)


def test_normal_quantile_known_values() -> None:
    # Quantiles from the algorithm's paper (Wichura 1988, table of test values).
    p = np.array([0.25, 0.001, 1e-20])
    expected = [-0.6744897501960817, -3.090232306167814, -9.262340089798408]
    np.testing.assert_allclose(rng.normal_quantile(p), expected, rtol=1e-15)


def test_normal_quantile_against_scipy() -> None:
    from scipy import special

    p = np.concatenate([rng.uniform64((0, 1), 20_000), 10.0 ** -np.arange(1, 300)])
    np.testing.assert_allclose(rng.normal_quantile(p), special.ndtri(p), rtol=4e-15)


def test_normal_bits_are_pinned() -> None:
    # The same on every machine: only IEEE-exact operations are used.
    numbers = rng.normal_quantile(rng.uniform64((0, 0), 4096))
    digest = hashlib.sha256(numbers.astype("<f8").tobytes()).hexdigest()
    assert digest == "b267259c5584708d0060c0b8bf1bd98317f3f3ae3e4538fdf5a97c54838a04ad"


def test_permutation_holds_every_number_once() -> None:
    order = rng.permutation((3, 4), 1000)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    assert (order != np.arange(1000)).any()


def test_keep_mask_keeps_the_asked_fraction() -> None:
    mask = rng.keep_mask(rng.dropout_key(rng.key_words(0, "x"), "site"), (200, 200), 0.3)
    assert mask.dtype == bool
    assert abs(mask.mean() - 0.7) < 5 * (0.21 / 40_000) ** 0.5


def test_dropout_sites_have_masks_of_their_own() -> None:
    words = rng.key_words(0, "x")
    masks = [rng.keep_mask(rng.dropout_key(words, site), (64,), 0.5) for site in ("a", "b")]
    assert (masks[0] != masks[1]).any()
