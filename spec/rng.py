"""The random numbers of the specification.

Every random choice that must be the same in all backends (initial values, data order, augmentation,
dropout masks in conformance mode) is a pure function of a key, and a key is a pure function of what
it is for.

* Key: the first 16 bytes of SHA-256 of `tandem-rng-1 NUL seed NUL purpose NUL name NUL step`
  (numbers in decimal, text in UTF-8), read as two little-endian 64-bit words.
* Bits: Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") under that
  key. Block i is the function's value at counter i, from i = 0; it gives four 64-bit words in order.
* Uniform float32 on [0, 1): each 64-bit word gives its low, then its high 32 bits; the top 24 bits
  of these over 2^24.
* Uniform float64 on (0, 1): (top 53 bits of a word + 1/2) / 2^53, rounded to the nearest float64 (ties
  to even), and 1 - 2^-53 where that is 1: for a word of all ones.
* Normal: the inverse distribution function (algorithm AS 241, Wichura 1988) of that float64. It is
  evaluated with additions, multiplications, divisions and square roots only, which IEEE 754 defines
  to the last bit, so that every machine and every library version gives the same value; a library's
  logarithm would not.
* Permutation of n: the stable order of n words.
"""

import hashlib
import math

import numpy as np

Key = tuple[int, int]
# Words drawn at a time, so that the working memory of a large array stays a few tens of MB.
CHUNK = 1 << 20


def key(seed: int, purpose: str, name: str = "", step: int = 0) -> Key:
    """The key of one use. `seed` and `step` are any integers, `purpose` and `name` any text without
    NUL.
    """
    text = "\0".join(["tandem-rng-1", str(seed), purpose, name, str(step)])
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")


def key_words(seed: int, purpose: str, name: str = "", step: int = 0) -> np.ndarray:
    """A key for a framework's own generator: uint32[2], the halves of the first key word, low half
    first.
    """
    word = key(seed, purpose, name, step)[0]
    return np.array([word & 0xFFFFFFFF, word >> 32], dtype=np.uint32)


def seed_of(words: np.ndarray) -> int:
    """The seed that stands in a framework's key: uint32[2], low half first. See `key_words`."""
    return int(words[0]) | int(words[1]) << 32


def dropout_key(words: np.ndarray, site: str) -> Key:
    """The key of the dropout mask of one site in one forward pass, which got the framework's key
    `words`.
    """
    return key(seed_of(words), "dropout", site)


def bits(key: Key, count: int, start: int = 0) -> np.ndarray:
    """Words number start .. start+count-1 of the key's stream, uint64[count]. `start` must be a
    multiple of 4.
    """
    assert start % 4 == 0
    # numpy's generator advances its counter before each block, so it starts one before the first.
    counter = (start // 4 - 1) % (1 << 256)
    words = [counter >> shift & 0xFFFFFFFFFFFFFFFF for shift in (0, 64, 128, 192)]
    philox = np.random.Philox(key=np.array(key, np.uint64), counter=np.array(words, np.uint64))
    return philox.random_raw(count)


def uniform32(key: Key, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform on [0, 1), float32 of the given shape; multiples of 2^-24."""
    size = math.prod(shape)
    halves = bits(key, (size + 1) // 2).astype("<u8", copy=False).view("<u4")[:size]
    return ((halves >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)


def uniform64(key: Key, count: int, start: int = 0) -> np.ndarray:
    """Uniform on (0, 1), float64[count], from word `start` of the stream on (a multiple of 4)."""
    numbers = ((bits(key, count, start) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return np.minimum(numbers, 1 - 2.0**-53)


def permutation(key: Key, n: int) -> np.ndarray:
    """A permutation of 0 .. n-1, int64[n]."""
    return np.argsort(bits(key, n), kind="stable")


def keep_mask(key: Key, shape: tuple[int, ...], rate: float) -> np.ndarray:
    """Dropout mask, bool of the given shape: True (keep) where a uniform number is at least `rate`."""
    return uniform32(key, shape) >= np.float32(rate)


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """Inverse of the standard normal distribution function; p float64 in (0, 1). AS 241, PPND16:
    relative error 1e-16.
    """
    q = p - 0.5
    central = np.abs(q) <= 0.425
    x = np.empty_like(q)
    r = 0.180625 - q[central] * q[central]
    x[central] = q[central] * _polynomial(_A, r) / _polynomial(_B, r)
    tail = ~central
    r = np.sqrt(-_log(np.where(q[tail] < 0, p[tail], 1 - p[tail])))
    near = r <= 5
    numerator = np.where(near, _polynomial(_C, r - 1.6), _polynomial(_E, r - 5))
    denominator = np.where(near, _polynomial(_D, r - 1.6), _polynomial(_F, r - 5))
    x[tail] = np.copysign(numerator / denominator, q[tail])
    return x


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Value at x; the coefficient of the highest power comes first (Horner)."""
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= x
        result += coefficient
    return result


def _log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive float64 from IEEE-exact operations: ln(m 2^e) = 2 artanh((m-1)/(m+1)) + e ln 2."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < math.sqrt(0.5)
    mantissa = np.where(small, mantissa * 2, mantissa)
    exponent = exponent - small
    s = (mantissa - 1) / (mantissa + 1)  # |s| <= 0.1716, so the series below ends under 1e-17
    return 2 * s * _polynomial(_ARTANH, s * s) + exponent * math.log(2)


_ARTANH = tuple(1 / (2 * k + 1) for k in reversed(range(12)))

# Coefficients of AS 241 (PPND16), highest power first: centre, near tail, far tail; numerator then
# denominator.
_A = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
    4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
    1.3314166789178437745e2, 3.3871328727963666080e0,
)  # fmt: skip
_B = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
    2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
    4.2313330701600911252e1, 1.0,
)  # fmt: skip
_C = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
    1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
    4.63033784615654529590e0, 1.42343711074968357734e0,
)  # fmt: skip
_D = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
    1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
    2.05319162663775882187e0, 1.0,
)  # fmt: skip
_E = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
    5.46378491116411436990e0, 6.65790464350110377720e0,
)  # fmt: skip
_F = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
    7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
    5.99832206555887937690e-1, 1.0,
)  # fmt: skip
