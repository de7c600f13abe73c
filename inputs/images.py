"""From the bytes of an image file to pixels of a fixed size: decoding, windows, resizing."""

import functools
import io
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# A training window covers at least this part of the image, whatever the smallest area is that it is
# drawn with: the default of TensorFlow's sampler of windows, on which the official pipeline relies.
MIN_COVERED = 0.1
ATTEMPTS = 10
MAX_PIXELS = 100_000_000  # more than a photograph has: a small file may claim any number
WINDOW_NOISE = 4 * ATTEMPTS


class Window(NamedTuple):
    """A rectangle of whole pixels."""

    left: int
    top: int
    width: int
    height: int


def decoded(data: bytes, name: str) -> np.ndarray:
    """The image in a JPEG (or PNG) file, uint8 [height, width, 4]: red, green, blue and a byte that
    means nothing. Grey, CMYK and palette images are converted.

    simplejpeg is the same libjpeg-turbo as Pillow's without its copies. PNG, and whatever else it
    refuses, is Pillow's to decode or to find fault with.

    Raises:
      ValueError: the bytes are no such image, or not all of one; names it.
    """
    import PIL.Image
    import simplejpeg

    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if height * width <= MAX_PIXELS:
            return simplejpeg.decode_jpeg(data, "RGBX")
    except ValueError:
        pass
    try:
        image = PIL.Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(
                f"{image.width} x {image.height} pixels, at most {MAX_PIXELS:,} expected"
            )
        image.load()
        pixels = image.convert("RGB").tobytes("raw", "RGBX")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{name}: cannot be decoded as JPEG: {error}") from error
    return np.frombuffer(pixels, np.uint8).reshape(image.height, image.width, 4)


def central_window(width: int, height: int, fraction: float) -> Window:
    """The square in the middle with `fraction` of the shorter side."""
    side = int(fraction * min(width, height))
    return Window((width - side + 1) // 2, (height - side + 1) // 2, side, side)


def random_window(
    width: int,
    height: int,
    noise: np.ndarray,
    area: tuple[float, float],
    aspect: tuple[float, float],
) -> Window | None:
    """A window whose aspect (width over height) is uniform in its range, and whose height is then
    uniform among those that keep the area, as a fraction of the image's, in its range to rounding.

    The law is TensorFlow's `sample_distorted_bounding_box`, for the whole image as the box. `noise`
    [WINDOW_NOISE] is uniform on [0, 1). None when no attempt covers MIN_COVERED of the image.
    """
    pixels = width * height
    for of_aspect, of_height, of_top, of_left in noise.reshape(ATTEMPTS, 4).tolist():
        ratio = aspect[0] + of_aspect * (aspect[1] - aspect[0])
        # The second bound is the largest height whose width, once rounded, fits.
        highest = min(
            round(math.sqrt(area[1] * pixels / ratio)),
            math.ceil((width + 0.5) / ratio) - 1,
            height,
        )
        lowest = min(round(math.sqrt(area[0] * pixels / ratio)), highest)
        tall = lowest + int(of_height * (highest - lowest + 1))
        wide = min(round(tall * ratio), width)
        if wide * tall >= MIN_COVERED * pixels:
            left, top = int(of_left * (width - wide + 1)), int(of_top * (height - tall + 1))
            return Window(left, top, wide, tall)
    return None


def resized(image: np.ndarray, window: Window, side: int, mirrored: bool = False) -> np.ndarray:
    """The window of a decoded image at side x side pixels, float32 [3, side, side], unrounded:
    values may lie a little outside [0, 255]. `mirrored` swaps left and right.

    The filter is bicubic (Keys 1981 with a = -1/2) over four pixels in each direction, also where
    the image becomes smaller, with pixel centres at halves; next to an edge the weights of the
    pixels that exist are scaled up to a sum of 1.
    """
    left, top, width, height = window
    words = image.view(np.uint32)[top : top + height, left : left + width, 0]  # a pixel moves whole
    pixels = np.ascontiguousarray(words.T).view(np.uint8).reshape(width, height, 4)
    across, down = _taps(width, side, mirrored), _taps(height, side)
    planes = np.empty((3, side, side), np.float32)
    for channel in range(3):  # one at a time stays in the processor's cache
        columns = across @ pixels[..., channel].astype(np.float32)
        planes[channel] = down @ columns.T.copy()
    return planes


@functools.lru_cache(maxsize=4096)
def _taps(count: int, side: int, reversed: bool = False) -> "csr_array":
    """Weights [side, count] that resize `count` pixels to `side`, four in a row; `reversed` gives
    the new pixels in the opposite order.
    """
    import scipy.sparse

    weights = keys_weights(count, side)
    columns = np.clip(_first_taps(count, side)[:, None] + np.arange(4), 0, count - 1)
    if reversed:
        weights, columns = weights[::-1], columns[::-1]
    starts = np.arange(0, 4 * side + 1, 4)
    return scipy.sparse.csr_array((weights.ravel(), columns.ravel(), starts), (side, count))


def _first_taps(count: int, side: int) -> np.ndarray:
    """The first of the four pixels behind each new one, int64 [side]; may be -2 at the edge."""
    return np.floor(_centers(count, side)).astype(np.int64) - 1


def _centers(count: int, side: int) -> np.ndarray:
    """Where the centres of the new pixels lie among the old ones, float64 [side]."""
    return (np.arange(side) + 0.5) * (count / side) - 0.5


def keys_weights(count: int, side: int) -> np.ndarray:
    """Weights float32 [side, 4] of the four pixels behind each new one; 0 for those that are not
    there. Keys 1981, "Cubic convolution interpolation for digital image processing", a = -1/2.
    """
    places = _first_taps(count, side)[:, None] + np.arange(4)
    x = np.abs(_centers(count, side)[:, None] - places)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = np.where(x <= 1, near, np.where(x < 2, far, 0))
    weights[(places < 0) | (places >= count)] = 0
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def normalized(planes: np.ndarray, mean: np.ndarray, stddev: np.ndarray, out: np.ndarray) -> None:
    """Writes (pixel - mean) / stddev of an image [3, H, W] to `out` float32 [H, W, 3]."""
    for channel, plane in enumerate(planes.astype(np.float32, copy=False)):
        out[..., channel] = (plane - mean[channel]) / stddev[channel]
