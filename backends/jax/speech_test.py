"""Speech layers and models in JAX: known answers, padding, and one compilation."""

from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx
from jax import numpy as jnp

from backends.jax import losses, placement, speech
from backends.jax.layers import Pass
from backends.jax.models import deepspeech
from backends.jax.workload import Workload
from inputs import pipeline
from spec import loading, log_mel, rng
from spec.interface import ForwardPassMode
from spec.models_pb2 import SpecAugment
from submissions.common import training_jax
from submissions.nadamw import submission_jax as nadamw

EVAL = Pass(train=False)
TINY = ("tiny/librispeech_conformer", "tiny/librispeech_deepspeech")


def filled(module: Any, seed: int = 0) -> Any:
    """The module with normal numbers of a tenth in the place of its shapes."""
    numbers = np.random.default_rng(seed)

    def fill(variable: Any) -> Any:
        return variable.replace(jnp.asarray(0.1 * numbers.normal(size=variable.shape), jnp.float32))

    graph, state = nnx.split(module)
    is_variable = lambda x: isinstance(x, nnx.Variable)  # noqa: E731
    return nnx.merge(graph, jax.tree.map(fill, state, is_leaf=is_variable))


def test_log_mel_features_of_two_tones() -> None:
    # Measured on the official implementation.
    times = np.arange(16_000)
    wave = np.zeros((1, 320_000), np.float32)
    tones = (8000, 440), (2000, 3000)
    sines = (a * np.sin(2 * np.pi * f * times / 16_000) for a, f in tones)
    wave[0, :16_000] = np.round(sum(sines))
    paddings = (np.arange(320_000) >= 16_000).astype(np.float32)[None]
    features, padded = speech.LogMelFeatures()(jnp.asarray(wave), jnp.asarray(paddings))
    assert features.shape == (1, 1998, 80) and int((1 - padded).sum()) == 100
    places = ([0, 0, 50, 50, 99, 98, 100, 1997], [10, 40, 11, 55, 10, 79, 0, 79])
    expected = [2.31892, -1.51203, 2.25194, -1.43645, 1.74838, 0.35592, -1.13763, -1.33270]
    np.testing.assert_allclose(np.asarray(features)[0][places], expected, atol=1e-4)
    np.testing.assert_allclose(features[0, :100].mean(), -0.859029, atol=1e-5)


def test_spec_augment_by_hand() -> None:
    config = SpecAugment(num_time_masks=1, max_time_ratio=0.5, num_frequency_masks=1, max_bins=5)
    module = speech.SpecAugment(config)
    module.site = "here"
    paddings = jnp.zeros((1, 12)).at[0, 8:].set(1)
    # Time: trunc(4 * 0.8) = 3 frames from trunc(0.5 * (8 - 3 + 1)) = 3 on; bins: 2 from 4 on.
    how = Pass(train=True, uniform=lambda *_: jnp.array([[[0.8, 0.5]], [[0.5, 0.9]]]))
    x = jnp.ones((1, 12, 6))
    found = np.asarray(module(x, paddings, how))[0]
    np.testing.assert_array_equal(np.flatnonzero(found.sum(1) == 0), [3, 4, 5])
    np.testing.assert_array_equal(np.flatnonzero(found.sum(0) == 0), [4, 5])
    np.testing.assert_array_equal(module(x, paddings, EVAL), x)


def test_masked_batch_norm_counts_valid_frames() -> None:
    norm: Any = speech.MaskedBatchNorm(1, decay=0.9, epsilon=0.0)
    norm.scale, norm.bias = nnx.Param(jnp.array([1.0])), nnx.Param(jnp.array([0.5]))
    norm.mean, norm.var = nnx.BatchStat(jnp.array([10.0])), nnx.BatchStat(jnp.array([4.0]))
    x = jnp.array([[[1.0], [3.0], [99.0]]])  # of the valid ones the mean is 2, the variance 1
    paddings = jnp.array([[0.0, 0.0, 1.0]])
    how = Pass(train=True, update_batch_norm=True)
    np.testing.assert_allclose(norm(x, paddings, EVAL)[0, :, 0], [-8.5, -6.5, 0])
    np.testing.assert_allclose(norm(x, paddings, how)[0, :, 0], [-1.5, 2.5, 0], rtol=1e-6)
    np.testing.assert_allclose(norm.mean[...], [9.2], rtol=1e-6)
    np.testing.assert_allclose(norm.var[...], [3.7], rtol=1e-6)


def test_the_lstm_is_flax_s_in_both_directions() -> None:
    lstm = filled(deepspeech.BidirectionalLstm(3, 4))
    x = jax.random.normal(jax.random.PRNGKey(0), (2, 5, 3))
    lengths = jnp.array([5, 3])
    found = lstm(x, lengths)
    cell = nnx.OptimizedLSTMCell(3, 4, rngs=nnx.Rngs(0))
    for direction, part in ((lstm.forward, found[..., :4]), (lstm.backward, found[..., 4:])):
        kernel_i, kernel_h, bias = direction.stacked()
        cell.dense_i.kernel[...], cell.dense_h.kernel[...] = kernel_i, kernel_h
        cell.dense_h.bias[...] = bias
        for row, length in enumerate([5, 3]):
            order = range(length) if direction is lstm.forward else reversed(range(length))
            carry = cell.initialize_carry((1, 3), rngs=nnx.Rngs(0))
            for t in order:
                carry, output = cell(carry, x[row : row + 1, t])
                np.testing.assert_allclose(part[row, t], output[0], atol=1e-6)
    assert (found[1, 3:] == 0).all()


@pytest.mark.parametrize("name", TINY)
def test_logits_do_not_depend_on_the_amount_of_padding(name: str) -> None:
    workload = Workload(loading.load_workload(name), "v0.6")
    params, state = workload.init_model_fn(rng.key_words(0, "model"))
    batch = next(pipeline.TrainBatches(workload.message, 0, 4))
    audio, paddings = (array[:, :3840] for array in batch["inputs"])
    # Four frames of padding make one of the output's.
    more = 4 * 4 * log_mel.HOP

    @jax.jit
    def logits(audio: Any, paddings: Any) -> Any:
        inputs = {"inputs": (audio, paddings)}
        key = placement.rng(rng.key_words(0, "a"))
        return workload.model_fn(params, inputs, state, ForwardPassMode.EVAL, key, False)[0]

    def padded(extra: int) -> Any:
        ends = (0, 0), (0, 1600 + extra)
        return logits(np.pad(audio, ends), np.pad(paddings, ends, constant_values=1))

    short, short_paddings = padded(0)
    long, long_paddings = padded(more)
    assert long.shape[1] == short.shape[1] + 4
    assert (1 - long_paddings).sum() == (1 - short_paddings).sum()
    for row, length in enumerate((1 - short_paddings).sum(1).astype(int)):
        np.testing.assert_allclose(short[row, :length], long[row, :length], rtol=1e-4, atol=1e-5)


def test_ctc_by_hand() -> None:
    logits = jnp.log(jnp.array([[[0.5, 0.3, 0.2], [0.6, 0.1, 0.3]]]))
    paddings = jnp.zeros((1, 2))

    def loss(tokens: list[int]) -> float:
        labels = jnp.array([tokens]), jnp.zeros((1, len(tokens)))
        return float(losses.ctc(labels, (logits, paddings), 0.0)[0])

    np.testing.assert_allclose(loss([1]), -np.log(0.3 * 0.6 + 0.5 * 0.1 + 0.3 * 0.1), rtol=1e-6)
    np.testing.assert_allclose(loss([1, 2]), -np.log(0.3 * 0.3), rtol=1e-6)
    assert loss([1, 1]) == losses.INFEASIBLE  # needs a blank between


def test_a_step_is_compiled_once_over_ragged_utterances() -> None:
    workload = Workload(loading.load_workload(TINY[0]), "v0.6")
    params, state = workload.init_model_fn(rng.key_words(0, "model"))

    class Point:
        learning_rate, warmup_factor, weight_decay = 1e-3, 0.1, 0.0
        one_minus_beta1, beta2, dropout_rate, label_smoothing = 0.1, 0.99, 0.1, 0.0

    optimizer = nadamw.init_optimizer_state(workload, params, state, Point, None)
    batches = pipeline.TrainBatches(workload.message, 0, 4)
    train_step: Any = training_jax.train_step
    before = train_step._cache_size()
    for step in range(200):
        key = placement.rng(rng.key_words(0, "update", step=step))
        batch = placement.place_batch(next(batches))
        optimizer, params, state = nadamw.update_params(
            workload, params, None, state, Point, batch, None, optimizer, [], step, key
        )
    batches.close()
    assert train_step._cache_size() - before == 1
    for split in ("validation", "test"):
        workload.evaluate(params, state, key, pipeline.eval_batches(workload.message, split))
    assert workload._eval_step._cache_size() == 1
