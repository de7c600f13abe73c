from typing import Any

import numpy as np
import pytest
from jax import numpy as jnp

from compat import former_jax


@pytest.mark.parametrize(
    "former",
    [{"a_min": -1.0, "a_max": 1.0}, {"min": -1.0, "max": 1.0}, {"a_min": -1.0, "max": 1.0}],
)
def test_clip_knows_its_former_arguments(former: Any) -> None:
    x = jnp.array([-2.0, 0.5, 3.0])
    assert np.array_equal(former_jax.clip(x, **former), [-1.0, 0.5, 1.0])
    assert np.array_equal(former_jax.clip(x, -1.0, 1.0), [-1.0, 0.5, 1.0])
    assert np.array_equal(former_jax.clip(a=x, a_max=0.0), [-2.0, 0.0, 0.0])


def test_clip_knows_no_other_arguments() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'a_mim'"):
        former_jax.clip(jnp.zeros(2), a_mim=0.0)
