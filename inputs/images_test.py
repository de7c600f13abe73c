import io
import math

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs import imagenet_samples, images
from inputs.images import ATTEMPTS, WINDOW_NOISE, Window
from spec import rng

AREA, ASPECT = (0.08, 1.0), (0.75, 4 / 3)
SIDES = st.integers(1, 600)


def image_of(pixels: np.ndarray) -> np.ndarray:
    """Pixels [H, W, 3] as decoded."""
    return np.pad(pixels.astype(np.uint8), ((0, 0), (0, 0), (0, 1)))


def whole(image: np.ndarray) -> Window:
    height, width, _ = image.shape
    return Window(0, 0, width, height)


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))


def channels_last(planes: np.ndarray) -> np.ndarray:
    return np.moveaxis(planes, 0, -1)


def direct(line: np.ndarray, side: int) -> np.ndarray:
    """A line of pixels resized as the definition has it, one new pixel at a time."""
    result = []
    for i in range(side):
        center = (i + 0.5) * len(line) / side - 0.5
        total = weight = 0.0
        for j in range(math.floor(center) - 1, math.floor(center) + 3):
            x = abs(center - j)
            if x <= 1:
                w = 1.5 * x**3 - 2.5 * x**2 + 1
            else:
                w = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0
            if 0 <= j < len(line):
                total, weight = total + w * line[j], weight + w
        result.append(total / weight)
    return np.array(result)


def test_the_middle_of_two_pixels_has_the_weights_of_keys_paper() -> None:
    # Keys 1981, a = -1/2: -1/16, 9/16, 9/16, -1/16 half way between pixels.
    np.testing.assert_array_equal(images.keys_weights(8, 4)[1], np.array([-1, 9, 9, -1]) / 16)
    # At the edge the first tap is missing, and the others are scaled up by 16/17.
    np.testing.assert_allclose(
        images.keys_weights(8, 4)[0], np.array([0, 9, 9, -1]) / 17, rtol=1e-6
    )


@given(width=st.integers(1, 30), height=st.integers(1, 30), side=st.integers(1, 20))
def test_resizing_is_the_definition_along_both_axes(width: int, height: int, side: int) -> None:
    pixels = np.random.Generator(np.random.PCG64(width)).integers(0, 256, (height, width, 3))
    expected = np.apply_along_axis(direct, 0, pixels, side)
    expected = np.apply_along_axis(direct, 1, expected, side)
    image = image_of(pixels)
    resized = images.resized(image, whole(image), side)
    assert resized.shape == (3, side, side) and resized.dtype == np.float32
    np.testing.assert_allclose(channels_last(resized), expected, rtol=0, atol=2e-3)


def test_enlarging_agrees_with_pillow_where_nothing_is_cut_off() -> None:
    smooth = np.add.outer(np.arange(12), np.arange(12)) * 8 + 30
    pixels = np.stack([smooth] * 3, -1).astype(np.uint8)
    larger = PIL.Image.fromarray(pixels).resize((30, 30), PIL.Image.Resampling.BICUBIC)
    image, pillow = image_of(pixels), np.asarray(larger, float)
    assert np.abs(channels_last(images.resized(image, whole(image), 30)) - pillow).max() < 1.01


def test_mirroring_swaps_left_and_right() -> None:
    image = image_of(np.arange(75).reshape(5, 5, 3))
    plain, mirrored = (images.resized(image, whole(image), 8, flag) for flag in (False, True))
    np.testing.assert_array_equal(mirrored, plain[..., ::-1])


def test_resizing_to_the_same_size_changes_nothing() -> None:
    pixels = np.arange(75).reshape(5, 5, 3)
    image = image_of(pixels)
    np.testing.assert_array_equal(channels_last(images.resized(image, whole(image), 5)), pixels)


def test_reducing_takes_four_pixels_and_may_overshoot() -> None:
    # To a quarter, pixel 8 comes from 32 to 35 with weights -1/16, 9/16, 9/16, -1/16.
    for edge, expected in ((32, 255), (33, 255 * 17 / 16), (34, 255 / 2), (35, -255 / 16), (36, 0)):
        pixels = np.zeros((64, 64, 3))
        pixels[:, edge:] = 255
        image = image_of(pixels)
        line = images.resized(image, whole(image), 16)[0, 5]
        np.testing.assert_allclose(line, [0] * 8 + [expected] + [255] * 7, rtol=1e-6)


@given(width=SIDES, height=SIDES, data=st.data())
def test_a_window_is_cut_before_it_is_resized(width: int, height: int, data: st.DataObject) -> None:
    width, height = width % 40 + 2, height % 40 + 2
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    window = Window(
        left, top, data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top))
    )
    pixels = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (height, width, 3))
    part = image_of(pixels[top : top + window.height, left : left + window.width])
    np.testing.assert_array_equal(
        images.resized(image_of(pixels), window, 7), images.resized(part, whole(part), 7)
    )


def test_the_middle_of_a_landscape_photograph() -> None:
    # 7/8 of 375 is 328.1; the offsets round up.
    assert images.central_window(500, 375, 224 / 256) == Window(86, 24, 328, 328)


@given(width=SIDES, height=SIDES, fraction=st.floats(0.01, 1))
def test_a_central_window_lies_inside(width: int, height: int, fraction: float) -> None:
    left, top, wide, tall = images.central_window(width, height, fraction)
    assert wide == tall == int(fraction * min(width, height))
    assert 0 <= left <= width - wide and 0 <= top <= height - tall


def test_a_window_follows_from_the_noise() -> None:
    noise = np.zeros(WINDOW_NOISE, np.float32)
    # The first attempt is the smallest, too small to cover a tenth. The second: aspect
    # 0.75 + 0.5 * (4/3 - 0.75) = 1.0417; heights from sqrt(0.08 * 187500 / 1.0417) = 120 to 375, so
    # 120 + int(0.5 * 256) = 248, width round(258.3); then int(0.25 * 243) and int(0.75 * 128).
    noise[4:8] = [0.5, 0.5, 0.75, 0.25]
    assert images.random_window(500, 375, noise, AREA, ASPECT) == Window(60, 96, 258, 248)


@given(width=SIDES, height=SIDES, seed=st.integers(0, 1000))
def test_a_random_window_lies_inside_and_is_large_enough(
    width: int, height: int, seed: int
) -> None:
    noise = rng.uniform32(rng.key(seed, "test"), (WINDOW_NOISE,))
    window = images.random_window(width, height, noise, AREA, ASPECT)
    if window is None:  # the image is far from every aspect
        assert not 0.1 < width / height < 10 or min(width, height) < 10
        return
    left, top, wide, tall = window
    assert 0 <= left <= width - wide and 0 <= top <= height - tall
    assert wide * tall >= images.MIN_COVERED * width * height
    assert abs(wide - 0.5) / tall <= ASPECT[1] and (wide + 0.5) / tall >= ASPECT[0]


def test_windows_have_the_law_that_was_measured_on_the_official_pipeline() -> None:
    # TensorFlow 2.19, 20,000 draws on an image of 500 x 375.
    noise = rng.uniform32(rng.key(0, "test"), (20_000, WINDOW_NOISE))
    windows = [images.random_window(500, 375, row, AREA, ASPECT) for row in noise]
    areas = [window.width * window.height / (500 * 375) for window in windows if window]
    assert len(areas) == 20_000
    np.testing.assert_allclose(
        np.quantile(areas, [0.1, 0.5, 0.9]), [0.137, 0.357, 0.687], atol=0.01
    )
    assert np.mean(areas) == pytest.approx(0.388, abs=0.005)
    assert min(areas) >= 0.1
    shapes = [window.width / window.height for window in windows if window]
    np.testing.assert_allclose(np.quantile(shapes, [0.25, 0.5, 0.75]), [0.9, 1.04, 1.19], atol=0.03)


def test_no_window_when_every_attempt_fails() -> None:
    assert images.random_window(500, 375, np.zeros(4 * ATTEMPTS), AREA, ASPECT) is None


def test_normalising_subtracts_and_divides_per_channel() -> None:
    pixels = np.array([10, 20, 30], np.uint8).reshape(3, 1, 1)
    out = np.empty((1, 1, 3), np.float32)
    images.normalized(
        pixels, np.array([8, 20, 36], np.float32), np.array([2, 3, 4], np.float32), out
    )
    np.testing.assert_array_equal(out, [[[1, 0, -1.5]]])


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_of_every_kind_become_rgb(mode: str) -> None:
    data = imagenet_samples.jpeg(20, 10, 0, mode=mode)
    image = images.decoded(data, "x")
    assert image.shape == (10, 20, 4) and image.dtype == np.uint8
    rounding = 1 if mode == "CMYK" else 0  # of cyan times black, and so on
    np.testing.assert_allclose(image[..., :3].astype(int), by_pillow(data), rtol=0, atol=rounding)


def test_a_png_is_read_too() -> None:
    file = io.BytesIO()
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    PIL.Image.fromarray(pixels).save(file, "PNG")
    np.testing.assert_array_equal(images.decoded(file.getvalue(), "x")[..., :3], pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_an_image_of_too_many_pixels_is_not_decoded(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    PIL.Image.new("RGB", (20, 10)).save(file, form)
    monkeypatch.setattr(images, "MAX_PIXELS", 199)
    with pytest.raises(ValueError, match=r"x: cannot be decoded .* 20 x 10 pixels, at most 199"):
        images.decoded(file.getvalue(), "x")


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"GIF89a", lambda data: b""]
)
def test_a_damaged_image_is_named(damage: object) -> None:
    data = damage(imagenet_samples.jpeg(64, 48, 0))  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"n01440764_1\.JPEG: cannot be decoded as JPEG"):
        images.decoded(data, "n01440764_1.JPEG")
