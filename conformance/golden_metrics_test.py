"""Losses and SSIM of both backends against numbers measured on the official implementation."""

import json
from typing import Any

import jax
import numpy as np
import pytest
import torch

from backends.jax import losses as jax_losses
from backends.jax import metrics as jax_metrics
from backends.pytorch import losses as pytorch_losses
from backends.pytorch import metrics as pytorch_metrics
from conformance.testing import GOLDEN, needs_vectors
from spec import metrics as spec_metrics
from spec.workload_pb2 import (
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
