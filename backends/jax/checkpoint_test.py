import collections
import functools
import json
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from backends.jax import checkpoint
from backends.jax.workload import Workload
from spec.loading import load_workload
from spec.submission_pb2 import StatePart

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


class Moments(NamedTuple):
    count: Any
    mu: Any


PARTS = [
    StatePart(name="count", shared=True),
    StatePart(name="first", jax="mu", pytorch="exp_avg"),
]


def test_named_parts_are_written_under_their_names_and_a_parameters() -> None:
    workload = Workload(load_workload("digits_resnet"), "v0.6")
    params, model_state = workload.init_model_fn(KEY)
    moments = jax.tree.map(lambda p: p.astype(jnp.bfloat16) + 1, params)
    trained = ((Moments(jnp.int32(3), moments), ()), function)
    arrays, described = checkpoint.save(workload, params, model_state, trained, PARTS)
    names = {name for name in arrays if name.startswith("optimizer_state.")}
    expected = {f"optimizer_state.first.{p.name}" for p in workload.parameters}
    assert names == expected | {"optimizer_state.count"} and described == {}
    first = ((Moments(jnp.int32(0), jax.tree.map(jnp.zeros_like, moments)), ()), function)
    restored = checkpoint.restore(workload, arrays, described, params, model_state, first, PARTS)
    assert jax.tree.all(jax.tree.map(np.array_equal, restored[2], trained))
    types = jax.tree.map(lambda x: getattr(x, "dtype", None), (restored[2], trained))
    assert types[0] == types[1]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ((Moments(jnp.int32(3), 0.5), jnp.zeros(2)), r"optimizer_state\[1\] is not among"),
        ({"nu": 1}, r"optimizer_state\['nu'\] is not among"),
    ],
)
def test_what_the_manifest_does_not_name_is_refused(state: Any, message: str) -> None:
    workload = Workload(load_workload("digits_resnet"), "v0.6")
    with pytest.raises(TypeError, match=message):
        checkpoint.save(workload, *workload.init_model_fn(KEY), state, PARTS)


def test_a_first_state_with_other_named_parts_is_refused() -> None:
    workload = Workload(load_workload("digits_resnet"), "v0.6")
    first = workload.init_model_fn(KEY)
    saved = checkpoint.save(workload, *first, Moments(jnp.int32(3), {}), PARTS)
    with pytest.raises(ValueError, match=r"first\.a is not both in the checkpoint"):
        checkpoint.restore(workload, *saved, *first, Moments(jnp.int32(0), {"a": 1}), PARTS)
