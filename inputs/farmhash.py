"""FarmHash's Fingerprint64 for texts of up to 16 bytes: for one, and for arrays of texts that are
eight bytes and a common ending. The algorithm is Google's CityHash for short texts with other
multipliers for each length; all sums and products are modulo 2^64.
"""

import numpy as np

_K0, _K2 = 0xC3A5C85C97CB3127, 0x9AE16A3B2F90404F
_MASK = 0xFFFFFFFFFFFFFFFF
MAX_LENGTH = 16


def fingerprint64(text: bytes) -> int:
    """Fingerprint64 of a text of at most 16 bytes."""
    size = len(text)
    assert size <= MAX_LENGTH
    multiplier = _K2 + 2 * size & _MASK
    if size >= 8:
        a, b = _word(text[:8]) + _K2 & _MASK, _word(text[-8:])
        c = _rotated(b, 37) * multiplier + a & _MASK
        d = (_rotated(a, 25) + b) * multiplier & _MASK
        return _mixed(c, d, multiplier)
    if size >= 4:
        return _mixed(size + (_word(text[:4]) << 3), _word(text[-4:]), multiplier)
    if size:
        y = text[0] + (text[size // 2] << 8)
        z = size + (text[-1] << 2)
        x = (y * _K2 ^ z * _K0) & _MASK
        return (x ^ x >> 47) * _K2 & _MASK
    return _K2


def fingerprints64(starts: np.ndarray, ending: bytes) -> np.ndarray:
    """Fingerprint64, uint64 [N], of texts of 9 to 15 bytes: `starts` uint64 [N] holds the first
    eight bytes of each, little-endian, and `ending` the others.
    """
    size = len(ending)
    assert 1 <= size <= 7
    multiplier = _u(_K2 + 2 * (8 + size) & _MASK)
    a = starts + _u(_K2)
    # The last eight bytes of the text.
    b = starts >> _u(8 * size) | _u(_word(ending) << (64 - 8 * size))
    c = _rotated_array(b, 37) * multiplier + a
    d = (_rotated_array(a, 25) + b) * multiplier
    x = (c ^ d) * multiplier
    x ^= x >> _u(47)
    x = (d ^ x) * multiplier
    x ^= x >> _u(47)
    return x * multiplier


def _word(text: bytes) -> int:
    return int.from_bytes(text, "little")


def _rotated(x: int, places: int) -> int:
    return (x >> places | x << (64 - places)) & _MASK


def _mixed(u: int, v: int, multiplier: int) -> int:
    x = (u ^ v) * multiplier & _MASK
    x ^= x >> 47
    x = (v ^ x) * multiplier & _MASK
    x ^= x >> 47
    return x * multiplier & _MASK


def _u(value: int) -> np.uint64:
    return np.uint64(value)


def _rotated_array(x: np.ndarray, places: int) -> np.ndarray:
    return x >> _u(places) | x << _u(64 - places)
