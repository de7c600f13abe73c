import math

import numpy as np

from spec import positions


def test_sincos_2d_by_hand() -> None:
    table = positions.sincos_2d(2, 3, 8)
    assert table.shape == (6, 8) and table.dtype == np.float32
    frequencies = [1.0, 1e-4]
    y, x = 1, 2  # the last token: columns come first
    expected = [math.sin(x * w) for w in frequencies] + [math.cos(x * w) for w in frequencies]
    expected += [math.sin(y * w) for w in frequencies] + [math.cos(y * w) for w in frequencies]
    np.testing.assert_allclose(table[-1], expected, rtol=1e-6)


def test_rotary_by_hand() -> None:
    cosines, sines = positions.rotary(3, 4, 100.0)
    np.testing.assert_allclose(cosines[2], [math.cos(2), math.cos(0.2)], rtol=1e-6)
    np.testing.assert_allclose(sines[2], [math.sin(2), math.sin(0.2)], rtol=1e-6)


def test_one_axis_against_the_official_table() -> None:
    table = positions.sincos_1d(256, 1024)
    found = [table[3, 0], table[3, 1], table[3, 511], table[3, 512], table[255, 700]]
    expected = [0.14112, 0.193938, 0.0003, -0.9899925, -0.6847707]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sinusoids_known_answers() -> None:
    # Measured on the official Conformer.
    table = positions.sinusoids(500, 512)
    found = [table[3, 0], table[3, 1], table[3, 255], table[3, 256], table[499, 300]]
    np.testing.assert_allclose(found, [0.14112, 0.245481, 0.0003, -0.989992, 0.261931], atol=2e-5)
