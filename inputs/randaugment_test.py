"""Known answers are worked out by hand from the operations' formulas, at full strength."""

import numpy as np
import pytest

from inputs import randaugment
from spec import rng

UP, DOWN = np.full(3, 0.9, np.float32), np.full(3, 0.1, np.float32)  # signs + and -
GREY = randaugment.GREY


def planes(*rows: object) -> np.ndarray:
    """The same plane [H, W] in all three channels."""
    return np.stack([np.array(rows, np.uint8)] * 3)


def applied(name: str, image: np.ndarray, noise: np.ndarray = UP, strength: float = 1.0) -> list:
    result = getattr(randaugment, name)(image, strength, noise)
    assert result.dtype == np.uint8 and result.shape == image.shape
    return result[0].tolist()


RAMP = planes([0, 50, 100], [127, 128, 129], [200, 250, 255])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("invert", [[255, 205, 155], [128, 127, 126], [55, 5, 0]]),
        ("posterize", [[0, 48, 96], [112, 128, 128], [192, 240, 240]]),
        ("solarize", [[0, 50, 100], [127, 128, 129], [200, 250, 255]]),
        ("solarize_add", [[110, 160, 210], [237, 128, 129], [200, 250, 255]]),
        # 1.9 times the pixel, truncated: 241.3, 243.2, 245.1.
        ("brightness", [[0, 95, 190], [241, 243, 245], [255, 255, 255]]),
    ],
)
def test_operations_on_single_pixels(name: str, expected: list) -> None:
    assert applied(name, RAMP) == expected


def test_solarize_inverts_from_its_threshold_on() -> None:
    assert applied("solarize", planes([127, 128]), strength=0.5) == [[127, 127]]
    assert applied("solarize", planes([128, 200]), strength=0.5) == [[127, 55]]


def test_autocontrast_stretches_to_the_full_range() -> None:
    assert applied("autocontrast", planes([50, 100], [101, 150])) == [[0, 127], [130, 255]]


def test_autocontrast_leaves_a_flat_channel() -> None:
    assert applied("autocontrast", planes([7, 7])) == [[7, 7]]


def test_autocontrast_and_equalize_treat_channels_apart() -> None:
    image = planes([50, 100], [101, 150])
    image[1] = 9
    for name in ("autocontrast", "equalize"):
        result = getattr(randaugment, name)(image, 1.0, UP)
        assert (result[1] == 9).all()


def test_equalize_spreads_pixels_by_rank() -> None:
    # 512 pixels: 256 each of 10 and 20. step = 256 // 255 = 1; 10 -> 0, 20 -> 256, cut to 255.
    image = np.repeat([10, 20], 256).reshape(16, 32).astype(np.uint8)
    expected = np.repeat([0, 255], 256).reshape(16, 32)
    assert applied("equalize", np.stack([image] * 3)) == expected.tolist()
    # 1024 pixels: 0, 1, 2, 3, 256 each. step = 768 // 255 = 3; below + 1 over 3: 0, 85, 171, 256.
    image = np.repeat([0, 1, 2, 3], 256).reshape(32, 32).astype(np.uint8)
    expected = np.repeat([0, 85, 171, 255], 256).reshape(32, 32)
    assert applied("equalize", np.stack([image] * 3)) == expected.tolist()


def test_equalize_leaves_small_images() -> None:
    assert applied("equalize", planes([3, 7])) == [[3, 7]]


def test_color_moves_away_from_grey() -> None:
    image = np.array([[[200]], [[100]], [[50]]], np.uint8)
    # Grey: (0.2989 * 200 + 0.587 * 100 + 0.114 * 50) * 255.5 / 255 = 124.4, truncated to 124;
    # 124 + 1.9 * (200 - 124) = 268.4, 124 + 1.9 * (100 - 124) = 78.4, 124 - 140.6 < 0.
    assert randaugment.color(image, 1.0, UP).ravel().tolist() == [255, 78, 0]


def test_contrast_moves_away_from_the_mean_grey() -> None:
    # Grey of 100 is 100.18 and of 140 is 140.26: 100 and 140, mean 120.
    assert applied("contrast", planes([100, 140])) == [[82, 158]]


def test_sharpness_moves_away_from_the_smoothed_image() -> None:
    image = planes(*np.full((5, 5), 100))
    image[:, 2, 2] = 113
    expected = np.full((5, 5), 100)
    # The centre is smoothed to (12 * 100 + 5 * 13 + 100) / 13 = 105: 105 + 1.9 * 8 = 120.2; its
    # neighbours to 101: 101 - 1.9 = 99.1. The frame stays.
    expected[1:4, 1:4] = 99
    expected[2, 2] = 120
    assert applied("sharpness", image) == expected.tolist()


def test_translations_move_by_100_pixels() -> None:
    image = np.arange(3 * 120 * 120).reshape(3, 120, 120).astype(np.uint8)
    left = randaugment.translate_x(image, 1.0, UP)
    np.testing.assert_array_equal(left[:, :, :20], image[:, :, 100:])
    assert (left[:, :, 20:] == GREY).all()
    right = randaugment.translate_x(image, 1.0, DOWN)
    np.testing.assert_array_equal(right[:, :, 100:], image[:, :, :20])
    assert (right[:, :, :100] == GREY).all()
    up, down = (randaugment.translate_y(image, 1.0, sign) for sign in (UP, DOWN))
    np.testing.assert_array_equal(up[:, :20], image[:, 100:])
    np.testing.assert_array_equal(down[:, 100:], image[:, :20])


def test_shears_move_rows_and_columns_by_three_tenths() -> None:
    rows = planes(*[[1, 2, 3, 4]] * 5)
    # 0.3 y for y = 0 .. 4 is 0, 0.3, 0.6, 0.9, 1.2.
    sheared = [[1, 2, 3, 4], [1, 2, 3, 4], [2, 3, 4, GREY], [2, 3, 4, GREY], [2, 3, 4, GREY]]
    assert applied("shear_x", rows) == sheared
    back = [[1, 2, 3, 4], [1, 2, 3, 4], [GREY, 1, 2, 3], [GREY, 1, 2, 3], [GREY, 1, 2, 3]]
    assert applied("shear_x", rows, DOWN) == back
    columns = rows.transpose(0, 2, 1)
    assert np.array(applied("shear_y", columns)).T.tolist() == sheared
    assert np.array(applied("shear_y", columns, DOWN)).T.tolist() == back


def test_rotation_is_by_30_degrees_about_the_middle() -> None:
    image = planes(*np.full((5, 5), 10))
    image[:, 2, 4] = 99  # two pixels to the right of the middle
    # Taken from (cos -+ sin) of the place: two pixels at +-30 degrees, (1.73, 1) away from the middle.
    turned = np.array(applied("rotate", image))
    assert np.argwhere(turned == 99).tolist() == [[1, 4]]
    turned = np.array(applied("rotate", image, DOWN))
    assert np.argwhere(turned == 99).tolist() == [[3, 4]]
    corner = planes(*np.full((9, 9), 10))
    assert np.argwhere(np.array(applied("rotate", corner)) == GREY).tolist()[0] == [0, 0]
    assert applied("rotate", corner, strength=0.0) == corner[0].tolist()


@pytest.mark.parametrize(
    ("place", "box"),
    [
        ((0.5, 0.5), (72, 152, 72, 152)),
        ((0.0, 0.0), (0, 40, 0, 40)),
        ((0.9999, 0.25), (183, 224, 16, 96)),
    ],
)
def test_cutout_is_cut_off_at_the_borders(
    place: tuple[float, float], box: tuple[int, int, int, int]
) -> None:
    image = np.zeros((3, 224, 224), np.uint8)
    expected = image.copy()
    top, bottom, left, right = box
    expected[:, top:bottom, left:right] = GREY
    noise = np.array([0.0, *place], np.float32)
    np.testing.assert_array_equal(randaugment.cutout(image, 1.0, noise), expected)


def test_layers_choose_by_the_noise_and_follow_each_other() -> None:
    noise = np.zeros((2, randaugment.NOISE), np.float32)
    invert, brightness = 2 / 16, 8 / 16
    noise[:, 0] = [invert, brightness]
    assert randaugment.augmented(planes([255, 200]), 10, noise)[0].tolist() == [[0, 104]]
    noise[:, 0] = [brightness, invert + 0.06]
    assert randaugment.augmented(planes([255, 50]), 10, noise)[0].tolist() == [[0, 160]]


def test_there_are_sixteen_operations_and_none_writes_into_its_input() -> None:
    assert len(set(randaugment.OPERATIONS)) == 16
    for number in range(16):
        image = rng.bits(rng.key(number, "test"), 3 * 30 * 20).astype(np.uint8).reshape(3, 30, 20)
        before = image.copy()
        image.flags.writeable = False
        noise = np.array([[number / 16, 0.7, 0.3, 0.6]], np.float32)
        result = randaugment.augmented(image, 10, noise)
        assert result.shape == image.shape and result.dtype == np.uint8
        np.testing.assert_array_equal(image, before)
