"""The JAX backend on its own: known answers, the workload object, the barrier.

What it shares with PyTorch is tested in conformance/.
"""

import functools
import inspect
import math
import os
from typing import Any

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from backends.jax import layers, losses, placement
from backends.jax.layers import Pass
from backends.jax.run import Backend
from backends.jax.submission import Submission
from backends.jax.workload import Workload, own_keep_mask
from inputs import pipeline
from spec import loading, rng, submission_pb2
from spec.interface import ForwardPassMode, LossType, ParameterType, ShapeTuple
from spec.workload_pb2 import Precision

EVAL = Pass(train=False)


def filled(module: Any, **values: Any) -> Any:
    """The layer with values in the place of its shapes."""
    for name, value in values.items():
        variable = type(getattr(module, name))
        setattr(module, name, variable(jnp.asarray(value, jnp.float32)))
    return module


def test_the_typing_protocol_is_the_service() -> None:
    service = submission_pb2.DESCRIPTOR.services_by_name["Submission"]
    for method in service.methods:
        expected = ["self", *(field.name for field in method.input_type.fields)]
        function = getattr(Submission, method.name)
        assert list(inspect.signature(function).parameters) == expected, method.name


def test_cross_entropy_known_answers() -> None:
    logits = jnp.log(jnp.array([[0.7, 0.2, 0.1]]))
    label, smoothing = jnp.array([0]), 0.3
    loss = losses.softmax_cross_entropy(label, logits, 0.0)
    np.testing.assert_allclose(loss, [-math.log(0.7)], rtol=1e-6)
    expected = -0.7 * math.log(0.7) - 0.1 * (math.log(0.7) + math.log(0.2) + math.log(0.1))
    smoothed = losses.softmax_cross_entropy(label, logits, smoothing)
    np.testing.assert_allclose(smoothed, [expected], rtol=1e-6)
    distribution = losses.softmax_cross_entropy(jnp.array([[1.0, 0, 0]]), logits, smoothing)
    np.testing.assert_allclose(distribution, smoothed, rtol=1e-6)
    traced = jax.jit(losses.softmax_cross_entropy)(label, logits, smoothing)
    np.testing.assert_allclose(traced, smoothed, rtol=1e-6)


def test_a_loss_counts_valid_examples_only() -> None:
    reduced = losses.reduced(jnp.array([1.0, 2.0, 4.0]), jnp.array([1.0, 0.0, 1.0]))
    assert float(reduced["summed"]) == 5 and float(reduced["n_valid_examples"]) == 2
    np.testing.assert_array_equal(reduced["per_example"], [1, 0, 4])
    assert float(losses.reduced(jnp.ones((2, 3)), None)["n_valid_examples"]) == 6


def test_batch_norm_by_hand() -> None:
    norm = filled(
        layers.BatchNorm(1, decay=0.9, epsilon=0.0), scale=[2], bias=[1], mean=[10], var=[4]
    )
    x = jnp.array([[1.0], [3.0]])  # mean 2, biased variance 1
    np.testing.assert_allclose(norm(x, EVAL), [[-8], [-6]])
    np.testing.assert_allclose(norm(x, Pass(train=True)), [[-1], [3]])
    np.testing.assert_allclose(norm.mean[...], [10])
    norm(x, Pass(train=True, update_batch_norm=True))
    np.testing.assert_allclose(norm.mean[...], [9.2], rtol=1e-6)
    np.testing.assert_allclose(norm.var[...], [3.7], rtol=1e-6)


def test_same_padding_puts_the_odd_zero_behind() -> None:
    conv = filled(layers.Conv(1, 1, (3, 3), stride=2), kernel=np.ones((3, 3, 1, 1)))
    image = jnp.arange(16.0).reshape(1, 4, 4, 1)
    expected = [[45, 39], [66, 50]]
    np.testing.assert_array_equal(conv(image)[0, :, :, 0], expected)


def test_causal_attention_sees_no_later_token() -> None:
    key = jax.random.PRNGKey(0)
    q, k, v = jax.random.normal(key, (3, 1, 4, 2, 8))
    before = layers.attention(q, k, v, scale=1.0, causal=True)
    after = layers.attention(q, k.at[:, 3].set(9), v.at[:, 3].set(9), scale=1.0, causal=True)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3] != after[:, 3]).any()


def test_dropout_in_training_only_and_scaled() -> None:
    dropout = layers.Dropout()
    dropout.site = "here"
    x = jnp.ones((4, 3))
    how = Pass(train=True, dropout_rate=0.75, keep_mask=lambda *_: jnp.arange(12).reshape(4, 3) < 6)
    np.testing.assert_array_equal(dropout(x, how).sum(), 24)
    np.testing.assert_array_equal(dropout(x, EVAL), x)
    np.testing.assert_array_equal(dropout(x, Pass(train=True)), x)


@pytest.mark.parametrize(
    ("layer", "shape", "units"),
    [
        (layers.Dropout, (300, 400), np.s_[:, :]),
        (layers.ChannelDropout, (300, 2, 3, 400), np.s_[:, 0, 0, :]),
    ],
)
def test_jaxs_own_dropout_drops_the_rate_and_scales_the_rest(
    layer: type[layers.Dropout], shape: tuple[int, ...], units: Any
) -> None:
    rate = 0.3

    def dropped(purpose: str, site: str, *, train: bool = True) -> np.ndarray:
        dropout = layer()
        dropout.site = site
        masks = functools.partial(own_keep_mask, placement.rng(rng.key_words(0, purpose)))
        how = Pass(train=train, dropout_rate=rate, keep_mask=masks)
        return np.asarray(dropout(jnp.ones(shape), how))

    y = dropped("a", "here")
    sigma = math.sqrt(rate * (1 - rate) / y[units].size)
    assert abs(np.mean(y[units] == 0) - rate) < 5 * sigma
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)
    np.testing.assert_array_equal(y, dropped("a", "here"))
    for other in (dropped("b", "here"), dropped("a", "there")):
        assert abs(np.corrcoef(y[units].ravel(), other[units].ravel())[0, 1]) < 0.02
    assert (dropped("a", "here", train=False) == 1).all()


def test_predictions_follow_the_loss(workload: Workload) -> None:
    p = jnp.array([[0.7, 0.2, 0.1]])
    cases = {
        LossType.SOFTMAX_CROSS_ENTROPY: jnp.log(p) + 1,
        LossType.SIGMOID_CROSS_ENTROPY: jnp.log(p / (1 - p)),
        LossType.MEAN_ABSOLUTE_ERROR: p,
    }
    for loss, logits in cases.items():
        np.testing.assert_allclose(workload.output_activation_fn(logits, loss), p, rtol=1e-6)


@pytest.fixture(scope="module")
def workload() -> Workload:
    return Workload(loading.load_workload("digits_vit"), "v0.6")


def test_trees_have_the_shape_of_the_parameters(workload: Workload) -> None:
    params, state = workload.init_model_fn(rng.key_words(0, "model"))
    shapes = jax.tree.map(lambda x: ShapeTuple(x.shape), params)
    assert shapes == workload.param_shapes and state == {}
    types = jax.tree.leaves(workload.model_params_types)
    assert set(map(type, types)) == {ParameterType}
    assert workload.is_output_params("head.kernel")
    assert not workload.is_output_params("pre_logits.kernel")


def test_dropout_masks_follow_the_key(workload: Workload) -> None:
    model = workload.init_model_fn(rng.key_words(0, "model"))
    params, state = model
    params["head"]["kernel"] = jnp.ones_like(params["head"]["kernel"])
    batch = placement.place_batch(next(pipeline.TrainBatches(workload.message, 0, 4)))

    def logits(purpose: str, rate: float) -> np.ndarray:
        key = placement.rng(rng.key_words(0, purpose))
        arguments = (params, batch, state, ForwardPassMode.TRAIN, key)
        return np.asarray(workload.model_fn(*arguments, True, dropout_rate=rate)[0])

    np.testing.assert_array_equal(logits("a", 0.5), logits("a", 0.5))
    assert (logits("a", 0.5) != logits("b", 0.5)).any()
    np.testing.assert_array_equal(logits("a", 0.0), logits("b", 0.0))


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("matmul", ["IEEE_FLOAT32", "TF32"])
def test_the_switches_are_those_of_the_workload(
    matmul: Any, deterministic: bool, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--first=1")
    jax.config.update("jax_default_prng_impl", "rbg")
    jax.config.update("jax_threefry_partitionable", False)
    placement.configure(Precision(matmul=matmul, deterministic=deterministic))
    try:
        tf32 = matmul == "TF32"
        assert jax.config.jax_default_matmul_precision == ("tensorfloat32" if tf32 else "highest")
        assert jax.config.jax_default_prng_impl == "threefry2x32"
        assert jax.config.jax_threefry_partitionable
        assert not jax.config.read("jax_cpu_enable_async_dispatch")
        flag = " --xla_gpu_deterministic_ops=true" * deterministic
        assert os.environ["XLA_FLAGS"] == f"--first=1{flag}"
    finally:
        placement.configure(workload.message.precision)


def test_a_model_goes_out_and_comes_in(workload: Workload) -> None:
    params, state = workload.export_model(*workload.init_model_fn(rng.key_words(1, "model")))
    again, _ = workload.export_model(*workload.import_model(params, state))
    assert list(again) == [p.name for p in workload.parameters]
    for name in params:
        np.testing.assert_array_equal(params[name], again[name])


def test_after_the_barrier_everything_is_ready() -> None:
    backend = Backend(loading.load_workload("digits_vit"), "v0.6")
    matrix = jnp.ones((600, 600)) / 600
    result = jax.jit(lambda x: jnp.linalg.matrix_power(x, 32))(matrix)
    backend.synchronize({"result": result})
    assert result.is_ready()


def test_running_out_of_memory_is_recognised() -> None:
    assert placement.is_out_of_memory(MemoryError())
    assert placement.is_out_of_memory(jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: no memory"))
    assert not placement.is_out_of_memory(jax.errors.JaxRuntimeError("something else"))
    assert not placement.is_out_of_memory(ValueError("RESOURCE_EXHAUSTED"))


def test_the_structure_tells_types_shapes_and_lost_memory(workload: Workload) -> None:
    backend = Backend(workload.message, "v0.6")
    params, state = workload.init_model_fn(rng.key_words(0, "model"))
    structure = backend.structure(params, state)
    assert structure["params.head.bias"] == "float32[10]"
    with pytest.raises(AttributeError):
        backend.structure(params, 5)
    params["head"]["bias"] = params["head"]["bias"].astype(jnp.bfloat16)
    assert backend.structure(params, state)["params.head.bias"] == "bfloat16[10]"
    params["head"]["bias"].delete()
    with pytest.raises(ValueError, match=r"params.head.bias was donated"):
        backend.structure(params, state)
    with pytest.raises(AttributeError):
        backend.structure([], state)


def test_a_submission_cannot_change_the_evaluation() -> None:
    backend = Backend(loading.load_workload("digits_vit"), "v0.6")
    model = backend.workload.init_model_fn(rng.key_words(0, "model"))
    batches = list(pipeline.eval_batches(backend.workload.message, "validation"))
    key = backend.rng(rng.key_words(0, "evaluate"))
    honest = backend.evaluate(*model, key, batches)
    backend.workload.evaluate = lambda *arguments: {"accuracy": 1.0, "loss": 0.0}
    backend.workload.message.Clear()
    assert backend.evaluate(*model, key, batches) == honest


def test_reference_work_is_the_same_at_every_call() -> None:
    first = placement.reference_step(None)
    last = placement.reference_step(placement.reference_step(first))
    assert last.shape == (placement.REFERENCE_SIZE, placement.REFERENCE_SIZE)
    np.testing.assert_allclose(np.asarray(last), np.asarray(first), rtol=1e-3)
