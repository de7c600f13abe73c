"""RandAugment (Cubuk et al. 2019, arXiv 1909.13719) on images uint8 [3, H, W].

The sixteen operations and their strengths are the official workload's. Where its JAX version is
wrong by an oversight (solarize, contrast), the operation is the one that was meant; see
docs/divergences.md. Results are truncated to whole numbers, vacated pixels are GREY, and moved
pixels are taken from the nearest one.
"""

import functools
from collections.abc import Callable

import numpy as np

GREY = 128
NOISE = 4  # numbers that a layer takes: operation, sign, and two for a place
Operation = Callable[[np.ndarray, float, np.ndarray], np.ndarray]


def augmented(image: np.ndarray, magnitude: int, noise: np.ndarray) -> np.ndarray:
    """One operation after the other, each chosen with equal probabilities by a row of `noise`,
    uniform on [0, 1), float32 [layers, NOISE]. `magnitude` is 0 to 10.
    """
    for chosen, *rest in noise:
        operation = OPERATIONS[int(chosen * len(OPERATIONS))]
        image = operation(image, magnitude / 10, np.array(rest))
    return image


# Each operation takes the image, a strength in [0, 1] and three uniform numbers on [0, 1).


def autocontrast(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Stretches each channel to 0 .. 255."""
    return np.stack([_mapped(plane, _stretched(plane.min(), plane.max())) for plane in image])


def _stretched(low: np.uint8, high: np.uint8) -> np.ndarray:
    if low == high:
        return _LEVELS
    scale = np.float32(255) / np.float32(high - low)
    return _clipped(_LEVELS.astype(np.float32) * scale - np.float32(low) * scale)


def equalize(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Makes the histogram of each channel flat."""
    return np.stack([_mapped(plane, _equalizing(plane)) for plane in image])


def _equalizing(plane: np.ndarray) -> np.ndarray:
    import PIL.Image

    counts = np.array(PIL.Image.fromarray(plane).histogram())
    step = (plane.size - counts[np.flatnonzero(counts)[-1]]) // 255
    if step == 0:
        return _LEVELS
    below = np.cumsum(counts) - counts
    return np.clip((below + step // 2) // step, 0, 255)


def invert(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    return 255 - image


def posterize(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Keeps the highest bits: 4 at full strength."""
    shift = 8 - int(4 * strength)
    return _mapped(image, _LEVELS >> shift << shift)


def solarize(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Inverts pixels from a threshold on, which is 256, above all of them, at full strength."""
    return _mapped(image, np.where(int(256 * strength) > _LEVELS, _LEVELS, 255 - _LEVELS))


def solarize_add(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Adds 110 at full strength to pixels below 128."""
    brighter = np.minimum(_LEVELS + int(110 * strength), 255)
    return _mapped(image, np.where(_LEVELS < 128, brighter, _LEVELS))


def color(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    return _enhanced(_grey(image), image, strength)


def contrast(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Away from the mean of the grey image."""
    mean = np.full(256, int(_grey(image).mean() + 0.5))
    return _mapped(image, _enhanced(mean, _LEVELS, strength))


def brightness(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    return _mapped(image, _enhanced(np.zeros(256), _LEVELS, strength))


def sharpness(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Away from the image smoothed by [1 1 1; 1 5 1; 1 1 1] / 13; the frame of one pixel stays."""
    wide = image.astype(np.uint16)
    rows = wide[:, :-2] + wide[:, 1:-1]
    rows += wide[:, 2:]
    total = 4 * wide[:, 1:-1, 1:-1]
    for shift in range(3):
        total += rows[..., shift : shift + total.shape[-1]]
    total //= 13
    smooth = image.copy()
    smooth[:, 1:-1, 1:-1] = total
    return _enhanced(smooth, image, strength)


def rotate(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """By 30 degrees at full strength, about the middle."""
    return _moved(image, "rotate", _signed(30 * strength, noise))


def shear_x(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """Row y by 0.3 y pixels at full strength."""
    return _moved(image, "shear_x", _signed(0.3 * strength, noise))


def shear_y(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    return _moved(image, "shear_y", _signed(0.3 * strength, noise))


def translate_x(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """By 100 pixels at full strength; to the left where the sign is positive."""
    return _moved(image, "translate_x", _signed(100 * strength, noise))


def translate_y(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    return _moved(image, "translate_y", _signed(100 * strength, noise))


def cutout(image: np.ndarray, strength: float, noise: np.ndarray) -> np.ndarray:
    """A grey square of 80 x 80 pixels at full strength, cut off at the image's borders. Its centre
    is uniform over the image.
    """
    margin = int(40 * strength)
    height, width = image.shape[1:]
    y, x = int(noise[1] * height), int(noise[2] * width)
    result = image.copy()
    result[:, max(0, y - margin) : y + margin, max(0, x - margin) : x + margin] = GREY
    return result


OPERATIONS: tuple[Operation, ...] = (
    autocontrast,
    equalize,
    invert,
    rotate,
    posterize,
    solarize,
    color,
    contrast,
    brightness,
    sharpness,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
    cutout,
    solarize_add,
)

_LEVELS = np.arange(256)


def _mapped(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """table[image]; bytes.translate is several times as fast as numpy's indexing."""
    data = image.tobytes().translate(table.astype(np.uint8).tobytes())
    return np.frombuffer(data, np.uint8).reshape(image.shape)


def _clipped(values: np.ndarray) -> np.ndarray:
    """Cut at 0 and 255 and truncated to uint8."""
    return np.clip(values, 0, 255).astype(np.uint8)


def _grey(image: np.ndarray) -> np.ndarray:
    """Grey uint8 [H, W] with TensorFlow's weights and its way back to whole numbers: a fraction of
    255 is multiplied by 255.5 and truncated.
    """
    red, green, blue = image.astype(np.float32)
    for plane, weight in zip((red, green, blue), (0.2989, 0.587, 0.114), strict=True):
        plane *= np.float32(weight)
    red += green
    red += blue
    red *= np.float32(255.5 / 255)
    return red.astype(np.uint8)


def _enhanced(dull: np.ndarray, image: np.ndarray, strength: float) -> np.ndarray:
    """From `dull` through `image` and on beyond it, to the factor 1.9 at full strength."""
    start, result = dull.astype(np.float32), image.astype(np.float32)
    result -= start
    result *= np.float32(1.8 * strength + 0.1)
    result += start
    return _clipped(result)


def _signed(amount: float, noise: np.ndarray) -> float:
    return -amount if noise[0] < 0.5 else amount


def _moved(image: np.ndarray, kind: str, amount: float) -> np.ndarray:
    """The image with its pixels moved; GREY where they come from outside."""
    sources = _sources(kind, amount, *image.shape[1:])
    framed = np.empty((3, sources.size + 1), np.uint8)
    framed[:, :-1] = image.reshape(3, -1)
    framed[:, -1] = GREY
    return framed.take(sources, axis=1)


@functools.lru_cache(maxsize=64)
def _sources(kind: str, amount: float, height: int, width: int) -> np.ndarray:
    """For every pixel of the result, int64 [H, W], the number of the pixel it is taken from, row by
    row; H * W where that one is outside.
    """
    y, x = np.mgrid[:height, :width].astype(np.float64)
    if kind == "rotate":
        sine, cosine = np.sin(np.deg2rad(amount)), np.cos(np.deg2rad(amount))
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        right, down = x - middle_x, y - middle_y
        x, y = cosine * right - sine * down + middle_x, sine * right + cosine * down + middle_y
    elif kind == "shear_x":
        x = x + amount * y
    elif kind == "shear_y":
        y = y + amount * x
    elif kind == "translate_x":
        x = x + amount
    else:
        y = y + amount
    column, row = np.floor(x + 0.5).astype(np.int64), np.floor(y + 0.5).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return np.where(inside, row * width + column, height * width)
