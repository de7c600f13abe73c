"""Activations in bfloat16, in both backends: parameters and gradients stay float32, and the answer is
that of float32 to the precision of bfloat16.
"""

import numpy as np
import pytest

from conformance.testee.testee import Testee
from conformance.testee.testee_jax import JaxTestee
from conformance.testee.testee_pytorch import PyTorchTestee
from inputs import pipeline
from spec import loading, rng
from spec.interface import ForwardPassMode
from spec.workload_pb2 import Precision, Workload

TESTEES: dict[str, type[Testee]] = {"jax": JaxTestee, "pytorch": PyTorchTestee}


@pytest.mark.parametrize("backend", TESTEES)
def test_only_activations_are_rounded(backend: str) -> None:
    testee, key = TESTEES[backend](), rng.key_words(0, "test")
    found = {}
    for compute in (Precision.FLOAT32, Precision.BFLOAT16):
        message = Workload()
        message.CopyFrom(loading.load_workload("tiny/finewebedu_lm"))
        message.precision.compute = compute
        workload = testee.open(message)
        batch = pipeline.train_batch(pipeline.open_source(message), 0, 8, slice(None), 0)
        batch["weights"] = pipeline.weights_of(batch)
        placed = testee.place(batch)
        logits, _ = testee.forward_pass(
            workload,
            testee._filled(workload, 3),
            placed,
            key,
            ForwardPassMode.EVAL,
            update_batch_norm=False,
        )
        assert ("bfloat16" in str(logits.dtype)) == (compute == Precision.BFLOAT16)
        found[compute] = testee.training_pass(
            workload,
            testee._filled(workload, 3),
            placed,
            key,
            dropout_rate=0.0,
            label_smoothing=0.0,
        )
    exact, rounded = found[Precision.FLOAT32], found[Precision.BFLOAT16]
    assert {g.dtype for g in rounded.gradients.values()} == {np.dtype(np.float32)}
    assert rounded.loss["per_example"].dtype == np.float32
    assert 0 < relative(rounded.loss["per_example"], exact.loss["per_example"]) < 0.02
    names = sorted(exact.gradients)
    a, b = (
        np.concatenate([found.gradients[name].ravel() for name in names])
        for found in (rounded, exact)
    )
    assert 0 < relative(a, b) < 0.05


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))
