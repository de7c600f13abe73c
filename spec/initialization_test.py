import math

import numpy as np
import pytest

from spec import initialization as init
from spec import rng
from spec.parameter_pb2 import Initializer, Parameter

SIZE = 40_000


def drawn(
    initializer: Initializer, *, fan_in: int = 0, fan_out: int = 0, seed: int = 0
) -> np.ndarray:
    parameter = Parameter(
        name="p", shape=[SIZE], fan_in=fan_in, fan_out=fan_out, initializer=initializer
    )
    return init.initial_value(parameter, seed)


def test_constants() -> None:
    np.testing.assert_array_equal(drawn(init.ZEROS), 0)
    np.testing.assert_array_equal(drawn(init.ONES), 1)
    np.testing.assert_array_equal(drawn(init.constant(8.0)), 8)


def test_normal_is_the_quantile_of_the_stream() -> None:
    uniform = rng.uniform64(rng.key(0, "initialize", "p"), SIZE)
    expected = (0.01 * rng.normal_quantile(uniform)).astype(np.float32)
    np.testing.assert_array_equal(drawn(init.normal(0.01)), expected)


@pytest.mark.parametrize(
    ("initializer", "stddev", "largest"),
    [
        (init.normal(0.02), 0.02, math.inf),
        (init.truncated_normal(0.02), 0.02 * init.TRUNCATED_STDDEV, 0.04),
        (init.uniform(-1, 3), 4 / math.sqrt(12), 3),
        (init.LECUN_NORMAL, math.sqrt(1 / 50), 2 * math.sqrt(1 / 50) / init.TRUNCATED_STDDEV),
        (init.HE_NORMAL, math.sqrt(2 / 50), 2 * math.sqrt(2 / 50) / init.TRUNCATED_STDDEV),
        (init.GLOROT_UNIFORM, math.sqrt(2 / 200), math.sqrt(6 / 200)),
        (init.GLOROT_NORMAL, math.sqrt(2 / 200), 2 * math.sqrt(2 / 200) / init.TRUNCATED_STDDEV),
    ],
)
def test_laws(initializer: Initializer, stddev: float, largest: float) -> None:
    values = drawn(initializer, fan_in=50, fan_out=150)
    mean = 1.0 if initializer.HasField("uniform") else 0.0
    assert values.dtype == np.float32
    assert abs(values.std() / stddev - 1) < 0.02
    assert abs(values.mean() - mean) < 5 * stddev / math.sqrt(SIZE)
    assert np.abs(values).max() <= largest * (1 + 1e-6)


def test_the_truncated_normal_constants() -> None:
    from scipy import stats

    law = stats.truncnorm(-2, 2)
    assert math.isclose(law.std(), init.TRUNCATED_STDDEV, rel_tol=1e-12)
    assert math.isclose(stats.norm.cdf(-2), init.TRUNCATED_LOW, rel_tol=1e-12)


def test_pieces_do_not_change_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn(init.normal(1.0))
    monkeypatch.setattr(rng, "CHUNK", 1024)
    np.testing.assert_array_equal(drawn(init.normal(1.0)), whole)


def test_values_depend_on_seed_and_name_only() -> None:
    assert (drawn(init.normal(1.0)) != drawn(init.normal(1.0), seed=1)).any()
    other = Parameter(name="q", shape=[SIZE], initializer=init.normal(1.0))
    assert (drawn(init.normal(1.0)) != init.initial_value(other, 0)).any()


def test_a_scale_without_a_fan_is_an_error() -> None:
    with pytest.raises(ValueError, match="parameter p: variance scaling over FAN_IN, which is 0"):
        drawn(init.LECUN_NORMAL)


def test_no_law_is_an_error() -> None:
    with pytest.raises(ValueError, match="parameter p: no initializer law is set"):
        drawn(Initializer())


def test_orthogonal_matrices_are_orthonormal_and_fixed() -> None:
    parameter = Parameter(name="p", shape=[7, 7], initializer=init.ORTHOGONAL)
    matrix = init.initial_value(parameter, 0)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(7), atol=1e-6)
    known = [0.11537274718284607, 0.17476828396320343, -0.25157636404037476]
    np.testing.assert_array_equal(matrix[0, :3], np.array(known, np.float32))
    with pytest.raises(ValueError, match=r"shape \[2, 3\], expected a square one"):
        init.initial_value(Parameter(name="p", shape=[2, 3], initializer=init.ORTHOGONAL), 0)


def test_orthogonal_matrices_have_no_preferred_sign() -> None:
    corners = [
        init.initial_value(Parameter(name="p", shape=[3, 3], initializer=init.ORTHOGONAL), seed)
        for seed in range(400)
    ]
    np.testing.assert_allclose(np.mean(corners, 0), 0, atol=0.1)
