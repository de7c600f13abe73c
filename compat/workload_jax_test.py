"""What published submissions see is the backend's workload under other names and with another axis."""

import functools
from typing import Any

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from backends.jax import placement, workload
from compat import workload_jax
from compat.workload_jax import Backend, Workload
from inputs import pipeline
from spec import loading, parameters, rng
from spec.interface import ForwardPassMode, ShapeTuple

KEY = rng.key_words(0, "init_model")
RESNET = loading.load_workload("tiny/imagenet_resnet")  # has model state
LANGUAGE_MODEL = loading.load_workload("tiny/finewebedu_lm")  # officially has joined heads
TINY = [name for name in loading.names("workloads") if name.startswith("tiny/")]


@pytest.mark.parametrize("name", TINY)
def test_every_tiny_workload_has_official_names(name: str) -> None:
    tree = Workload(loading.load_workload(name), "v0.6", has_device_axis=False)
    shapes, types = tree.param_shapes, tree.model_params_types
    assert jax.tree.structure(shapes) == jax.tree.structure(types)
    assert len(jax.tree.leaves(shapes)) == len(tree.parameters)


def test_names_of_a_resnet() -> None:
    params, state = Workload(RESNET, "v0.6", has_device_axis=False).init_model_fn(KEY)
    assert set(params["BottleneckResNetBlock_0"]["BatchNorm_0"]) == {"scale", "bias"}
    assert params["Conv_init"]["kernel"].ndim == 4
    assert set(state) == {"batch_stats"}
    assert set(state["batch_stats"]["BatchNorm_init"]) == {"mean", "var"}


def test_arrays_have_official_shapes() -> None:
    theirs = Workload(LANGUAGE_MODEL, "v0.6", has_device_axis=False)
    attention = theirs.param_shapes["blocks_0"]["CausalAttn_0"]
    assert attention["query"]["kernel"].shape_tuple == (32, 2, 16)
    assert attention["attn_out_proj"]["kernel"].shape_tuple == (32, 32)
    shapes = jax.tree.map(lambda x: ShapeTuple(x.shape), theirs.init_model_fn(KEY)[0])
    assert shapes == theirs.param_shapes


@pytest.mark.parametrize("message", [RESNET, LANGUAGE_MODEL], ids=lambda message: message.name)
def test_a_pass_is_the_backend_s(message: Any) -> None:
    ours = workload.Workload(message, "v0.6")
    theirs = Workload(message, "v0.6", has_device_axis=False)
    batch = placement.place_batch(next(pipeline.train_batches(message, 0, 4, 0)))

    @functools.partial(jax.jit, static_argnums=0)
    def logits_and_state(workload: Any, params: Any, state: Any) -> Any:
        return workload.model_fn(params, batch, state, ForwardPassMode.TRAIN, KEY, True)

    expected, expected_state = logits_and_state(ours, *ours.init_model_fn(KEY))
    params, state = theirs.init_model_fn(KEY)
    found, found_state = logits_and_state(theirs, params, state)
    assert np.array_equal(found, expected)
    _, statistics = theirs.canonical(params, found_state)
    assert jax.tree.all(jax.tree.map(np.array_equal, statistics, expected_state))


@pytest.mark.parametrize("message", [RESNET, LANGUAGE_MODEL], ids=lambda message: message.name)
@pytest.mark.parametrize("has_device_axis", [False, True])
def test_arrays_come_back_to_the_bit(message: Any, has_device_axis: bool) -> None:
    theirs = Workload(message, "v0.6", has_device_axis=has_device_axis)
    expected = workload.Workload(message, "v0.6")
    exported = theirs.export_model(*theirs.init_model_fn(KEY))
    for found, wanted in zip(
        exported, expected.export_model(*expected.init_model_fn(KEY)), strict=True
    ):
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_statistics_of_devices_are_averaged() -> None:
    theirs = Workload(RESNET, "v0.6", has_device_axis=True)
    params, state = theirs.init_model_fn(KEY)
    state = jax.tree.map(lambda x: jnp.concatenate([x, x + 1]), state)
    statistics = parameters.flatten(theirs.canonical(params, state)[1])
    means = [array for name, array in statistics.items() if name.endswith(".mean")]
    assert means
    assert all(np.all(mean == 0.5) for mean in means)


def test_batches_are_split_over_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend(RESNET, "v0.6", has_device_axis=True)
    monkeypatch.setattr(backend, "num_devices", 2)
    monkeypatch.setattr(workload_jax.placement, "place_batch", lambda batch: batch)
    batch = next(pipeline.train_batches(RESNET, 0, 6, 0))
    placed = backend.place(batch)
    assert placed["inputs"].shape == (2, 3, *batch["inputs"].shape[1:])
    assert np.array_equal(placed["targets"].reshape(batch["targets"].shape), batch["targets"])


def test_a_rate_of_dropout_holds_where_none_is_named() -> None:
    gnn = loading.load_workload("tiny/ogbg")
    theirs: Any = Workload(gnn, "v0.6", has_device_axis=False)
    params, state = theirs.init_model_fn(KEY)
    batch = next(pipeline.train_batches(gnn, 0, 8, 0))

    def logits(**named: float) -> Any:
        arguments = (params, batch, state, ForwardPassMode.TRAIN, KEY, True)
        return np.asarray(theirs.model_fn(*arguments, **named)[0])

    own, none = logits(), logits(dropout_rate=0.0)
    assert not np.array_equal(own, none)
    theirs.default_dropout_rate = 0.0
    assert np.array_equal(logits(), none)
    assert not np.array_equal(logits(dropout_rate=0.5), none)
