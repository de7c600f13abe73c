"""Known answers of the tables behind log-mel features."""

import numpy as np

from spec import log_mel


def test_triangles_have_the_official_sum_and_no_constant() -> None:
    triangles = log_mel.triangles()
    assert triangles.shape == (257, 80)
    np.testing.assert_allclose(triangles.sum(dtype=np.float64), 234.9484, atol=5e-5)
    assert (triangles[0] == 0).all() and (triangles.sum(0) > 0).all()


def test_twenty_seconds_have_1998_frames() -> None:
    assert log_mel.num_frames(320_000) == 1998
    assert log_mel.num_frames(401) == 1
    assert log_mel.num_frames(560) == 1
    assert log_mel.num_frames(561) == 2


def test_the_window_is_periodic() -> None:
    window = log_mel.window()
    assert window[0] == 0 and window[200] == 1
    np.testing.assert_allclose(window[1:], window[1:][::-1], atol=1e-7)


def test_there_is_a_mean_and_a_deviation_for_every_bin() -> None:
    assert log_mel.MEAN.shape == log_mel.STDDEV.shape == (80,)
    silence = (np.log(log_mel.FLOOR) - log_mel.MEAN) / log_mel.STDDEV
    np.testing.assert_allclose(silence[0], -1.13763, atol=1e-5)
