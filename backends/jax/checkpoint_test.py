import collections
import functools
import json
from typing import Any

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from backends.jax import checkpoint
from backends.jax.workload import Workload
from spec.loading import load_workload

Pair = collections.namedtuple("Pair", "first second")
KEY = np.array([1, 2], np.uint32)


class Machine: ...


def function() -> None: ...


def state(value: float, count: int) -> Any:
    return {
        "pair": Pair(jnp.full((2, 3), value, jnp.bfloat16), jnp.full((), value)),
        "weak": jnp.broadcast_to(jnp.asarray(value), (2,)),
        "numpy": (np.full(3, value), np.float32(value)),
        "key": jax.random.key(count),
        "python": [count, value, "text", None, True],
        "functions": (function, functools.partial(function), jax.jit(function)),
        "a.b": {"c": jnp.zeros((0, 2), jnp.int8)},
    }


def test_everything_comes_back_to_the_bit() -> None:
    workload = Workload(load_workload("digits_resnet"), "v0.6")
    first = workload.init_model_fn(KEY)
    params, model_state = jax.tree.map(lambda x: x + 1, first)
    saved = checkpoint.save(workload, params, model_state, state(0.7, 5))
    arrays, described = saved[0], json.loads(json.dumps(saved[1]))
    restored = checkpoint.restore(workload, arrays, described, *first, state(0.0, 0))
    again, described_again = checkpoint.save(workload, *restored)
    assert described_again == described
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert array.tobytes() == again[name].tobytes(), name
    assert restored[2]["weak"].weak_type
    assert type(restored[2]["pair"]) is Pair
    assert type(restored[2]["numpy"][1]) is np.float32
    assert jax.tree.all(jax.tree.map(np.array_equal, (params, model_state), restored[:2]))


def test_what_cannot_be_written_down_is_named() -> None:
    workload = Workload(load_workload("digits_resnet"), "v0.6")
    first = workload.init_model_fn(KEY)
    with pytest.raises(TypeError, match=r"^optimizer_state\['rows'\]\[1\] is a Machine$"):
        checkpoint.save(workload, *first, {"rows": [1, Machine()]})


@pytest.mark.parametrize(
    ("fresh", "message"),
    [({"f": function, "g": 1}, "g'] is not in the state both"), ({"f": json.dumps}, "another")],
)
def test_a_first_state_of_other_parts_is_refused(fresh: Any, message: str) -> None:
    workload = Workload(load_workload("digits_resnet"), "v0.6")
    first = workload.init_model_fn(KEY)
    saved = checkpoint.save(workload, *first, {"f": function})
    with pytest.raises(ValueError, match=message):
        checkpoint.restore(workload, *saved, *first, fresh)
