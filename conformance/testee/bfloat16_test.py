"""Activations in bfloat16, in both backends: parameters and gradients stay float32, and the answer is
that of float64, where nothing is rounded, to the precision of bfloat16.
"""

import numpy as np
import pytest

from conformance.arrays import Arrays
from conformance.testee.testee import Testee
from conformance.testee.testee_jax import JaxTestee
from conformance.testee.testee_pytorch import PyTorchTestee
from spec import loading
from spec.workload_pb2 import Precision, Workload

TESTEES: dict[str, type[Testee]] = {"jax": JaxTestee, "pytorch": PyTorchTestee}


@pytest.mark.parametrize("backend", TESTEES)
def test_only_activations_are_rounded(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    message = Workload()
    message.CopyFrom(loading.load_workload("tiny/finewebedu_lm"))
    message.precision.compute = Precision.BFLOAT16
    monkeypatch.setattr(loading, "load_workload", lambda name: message)
    answer = TESTEES[backend]().forward(
        message.name,
        seed=3,
        batch_size=8,
        dropout_rate=0.0,
        label_smoothing=0.0,
        stand_in=False,
        exact="float64",
    )
    exact = {
        name.removeprefix("float64/"): answer.pop(name)
        for name in list(answer)
        if name.startswith("float64/")
    }
    assert {a.dtype for a in answer.values() if a.dtype.kind == "f"} == {np.dtype(np.float32)}
    assert {a.dtype for a in exact.values() if a.dtype.kind == "f"} == {np.dtype(np.float64)}
    assert is_bfloat16(answer["eval/logits"])
    assert not is_bfloat16(answer["train/per_example"])
    assert not is_bfloat16(exact["eval/logits"].astype(np.float32))
    assert 0 < relative(answer["train/per_example"], exact["train/per_example"]) < 0.02
    assert 0 < relative(all_gradients(answer), all_gradients(exact)) < 0.05


def is_bfloat16(array: np.ndarray) -> bool:
    """Whether all numbers of float32 are such that bfloat16 has them too."""
    return not np.any(array.view(np.uint32) & 0xFFFF)


def all_gradients(answer: Arrays) -> np.ndarray:
    names = sorted(name for name in answer if name.startswith("gradient/"))
    return np.concatenate([answer[name].ravel() for name in names])


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))
