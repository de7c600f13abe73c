"""Losses, SSIM, decoding and word errors of both backends against numbers measured on the official implementation."""

import json
from typing import Any

import jax
import numpy as np
import pytest
import torch

from backends.jax import losses as jax_losses
from backends.jax import metrics as jax_metrics
from backends.jax import speech as jax_speech
from backends.pytorch import losses as pytorch_losses
from backends.pytorch import metrics as pytorch_metrics
from backends.pytorch import speech as pytorch_speech
from conformance.golden import streams
from conformance.golden.testing import GOLDEN, needs_vectors
from spec import metrics as spec_metrics
from spec import word_errors
from spec.workload_pb2 import (
    CTC_LOSS,
    MEAN_ABSOLUTE_ERROR,
    MULTI_LABEL,
    SIGMOID_CROSS_ENTROPY,
    SOFTMAX_CROSS_ENTROPY,
)

BACKENDS: dict[str, tuple[Any, Any, Any]] = {
    "jax": (jax_losses, jax_metrics, jax.numpy.asarray),
    "pytorch": (pytorch_losses, pytorch_metrics, torch.as_tensor),
}
INPUTS = {"logits", "targets", "mean", "std", "volume_max"}


def golden(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / "metrics.json").read_text())[name]


def per_example(backend: str, loss: int, case: dict[str, Any], smoothing: float) -> np.ndarray:
    module, _, array = BACKENDS[backend]
    labels = np.array(case["targets"])
    labels = labels.astype(np.int32 if loss == SOFTMAX_CROSS_ENTROPY else np.float32)
    logits = array(np.array(case["logits"], np.float32))
    found = module.LOSSES[loss](array(labels), logits, smoothing)
    return np.asarray(module.reduced(found, array(np.float32(case["weights"])))["per_example"])


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_cross_entropy(backend: str, smoothing: float) -> None:
    case = golden("softmax_cross_entropy")["mnist"]
    expected = case[f"ls_{smoothing}"]["jax"]["per_example"]
    found = per_example(backend, SOFTMAX_CROSS_ENTROPY, case, smoothing)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
def test_sigmoid_cross_entropy_also_of_large_logits(backend: str) -> None:
    case = golden("criteo_loss")
    found = per_example(backend, SIGMOID_CROSS_ENTROPY, case, 0.1)
    np.testing.assert_allclose(found, case["masked"]["jax"]["per_example"], rtol=1e-6)


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_sigmoid_cross_entropy_of_many_labels(backend: str, smoothing: float) -> None:
    case = golden("ogbg_sigmoid_ce_nan_mask")
    expected = case[f"ls_{smoothing}"]["jax"]["per_example"]
    case["targets"] = case["labels"]
    found = per_example(backend, SIGMOID_CROSS_ENTROPY, case, smoothing)
    # The official loss writes log(1 + x) out, which rounds to multiples of 6e-8.
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
def test_metrics_of_many_labels(backend: str) -> None:
    _, metrics, array = BACKENDS[backend]
    case = golden("ogbg_mean_average_precision")
    logits = array(np.array(case["logits"], np.float32))
    batch = {
        "targets": array(np.array(case["labels"], np.float32)),
        "weights": array(np.array(case["mask"], np.float32)),
    }
    loss = array(np.array(case["loss"], np.float32))  # not that of the logits
    sums = metrics.BATCH_SUMS[MULTI_LABEL](logits, batch, loss)
    arrays = {name: np.asarray(value) for name, value in sums.items()}
    found = spec_metrics.from_batches(MULTI_LABEL, [arrays])
    plain = found.pop("plain_mean_average_precision")
    expected = case["result"]
    assert found == pytest.approx(expected, rel=1e-6)
    known = [precision for precision in case["sklearn_per_task"] if precision is not None]
    known.remove(1.0)  # of this label only ones are known
    assert plain == pytest.approx(np.mean(known), rel=1e-12)


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
def test_mean_absolute_error(backend: str) -> None:
    case = golden("fastmri_l1")
    found = per_example(backend, MEAN_ABSOLUTE_ERROR, case, 0.1)
    np.testing.assert_allclose(found, case["masked"]["jax"]["per_example"], rtol=1e-6)


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
def test_structural_similarity(backend: str) -> None:
    _, metrics, array = BACKENDS[backend]
    for shape in ("square", "tall", "wide"):
        case = golden("ssim")[shape]
        fields = {k: np.array(v, np.float32) for k, v in case.items() if k in INPUTS}
        std, mean = (fields[name][:, None, None] for name in ("std", "mean"))
        images, references = (fields[name] * std + mean for name in ("logits", "targets"))
        found = metrics.ssim(array(images), array(references), array(fields["volume_max"]))
        np.testing.assert_allclose(np.asarray(found), case["jax_scaled"], atol=2e-6)


def padded_from(lengths: Any, size: int) -> np.ndarray:
    return (np.arange(size) >= np.array(lengths)[:, None]).astype(np.float32)


def speech_losses(backend: str, frames: Any, lengths: Any) -> np.ndarray:
    module, _, array = BACKENDS[backend]
    case = golden("ctc_loss")
    logits, tokens = np.array(case["logits"], np.float32), np.array(case["labels"], np.int32)
    labels = tokens, padded_from(lengths, tokens.shape[1])
    outputs = logits, padded_from(frames, logits.shape[1])
    return np.asarray(
        module.LOSSES[CTC_LOSS](tuple(map(array, labels)), tuple(map(array, outputs)), 0.0)
    )


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctc_loss(backend: str) -> None:
    case = golden("ctc_loss")
    frames, lengths = case["logit_lengths"], case["label_lengths"]
    expected = case["loss"]["jax"]["per_example"]
    np.testing.assert_allclose(speech_losses(backend, frames, lengths), expected, rtol=1e-6)
    expected = case["empty_labels"]["jax"]["per_example"]
    np.testing.assert_allclose(speech_losses(backend, frames, [0] * 4), expected, rtol=1e-6)
    found = speech_losses(backend, [2] * 4, lengths)
    expected = case["infeasible_2_frames"]["jax"]["per_example"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert (found[[0, 1, 3]] == BACKENDS[backend][0].INFEASIBLE).all()


@needs_vectors
def test_gradients_of_the_ctc_loss() -> None:
    case = golden("ctc_loss")
    logits, tokens = np.array(case["logits"], np.float32), np.array(case["labels"], np.int32)
    labels: Any = tokens, padded_from(case["label_lengths"], tokens.shape[1])
    paddings: Any = padded_from(case["logit_lengths"], logits.shape[1])
    expected = np.array(case["jax_grad_summed"])

    def total(logits: Any) -> Any:
        return jax_losses.ctc(labels, (logits, paddings), 0.0).sum()

    np.testing.assert_allclose(jax.grad(total)(logits), expected, atol=5e-6)
    held: Any = torch.tensor(logits, requires_grad=True)
    tensors: Any = tuple(map(torch.as_tensor, labels))
    pytorch_losses.ctc(tensors, (held, torch.as_tensor(paddings)), 0.0).sum().backward()
    np.testing.assert_allclose(held.grad, expected, atol=5e-6)


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
def test_greedy_decoding(backend: str) -> None:
    _, metrics, array = BACKENDS[backend]
    case = golden("ctc_greedy_decode")["random"]
    logits = 2 * streams.normal("metrics/greedy/logits", (3, 24, 6))
    logits[..., 0] += 1
    found = metrics.greedy_ctc(array(logits), array(padded_from(case["lengths"], 24)))
    np.testing.assert_array_equal(found, case["jax_ids"])
    case = golden("ctc_greedy_decode")["framewise"]
    frames = np.eye(6, dtype=np.float32)[np.array(case["frames"])]
    found = metrics.greedy_ctc(array(frames), array(padded_from(case["lengths"], 10)))
    np.testing.assert_array_equal(found, case["torch_ids"])


@needs_vectors
def test_word_errors() -> None:
    case = golden("wer")
    found, expected = case["hyps"], case["refs"]
    plain = word_errors.count(found, expected)
    assert plain == (case["plain_text_word_errors"], case["plain_text_num_words"])
    assert word_errors.printed(found[0]) == case["string_form_used_by_reference"]
    printed = word_errors.count(map(word_errors.printed, found), map(word_errors.printed, expected))
    assert printed == (case["word_errors"], case["num_words"])
    for pair in golden("edit_distance")["cases"]:
        assert word_errors.count([pair["source"]], [pair["target"]])[0] == pair["distance"]


@needs_vectors
@pytest.mark.parametrize("backend", BACKENDS)
def test_log_mel_features(backend: str) -> None:
    case = golden("log_mel_frontend")["jax"]
    wave = np.float32(3276.8) * streams.normal("metrics/mel/wave", (2, 8000))
    times = np.arange(8000, dtype=np.float32)
    wave[0] += (8000 * np.sin(2 * np.pi * 440 / 16000 * times)).astype(np.float32)
    wave[1, 5000:] = 0
    paddings = padded_from([8000, 5000], 8000)
    if backend == "jax":
        features, padded = jax_speech.LogMelFeatures()(
            jax.numpy.asarray(wave), jax.numpy.asarray(paddings)
        )
    else:
        module: Any = pytorch_speech.LogMelFeatures()
        for name, value in module.constants.items():
            getattr(module, name).copy_(torch.as_tensor(value))
        features, padded = module(torch.as_tensor(wave), torch.as_tensor(paddings))
    np.testing.assert_allclose(features[0, 0], case["row0_frame0"], atol=3e-4)
    np.testing.assert_allclose(features[0, 25], case["row0_frame25"], atol=3e-4)
    np.testing.assert_allclose(np.linalg.norm(features), case["l2"], rtol=1e-5)
    np.testing.assert_array_equal(padded, case["paddings"])
