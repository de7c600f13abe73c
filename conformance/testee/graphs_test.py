"""Packed graphs in both backends: results do not depend on padding or parts, and JAX compiles a step
once.
"""

from typing import Any

import numpy as np
import pytest

from conformance.testee.testee import Testee
from conformance.testee.testee_jax import JaxTestee
from conformance.testee.testee_pytorch import PyTorchTestee
from inputs import generated, graphs
from spec import loading
from spec.workload_pb2 import GraphPacking, Workload
from submissions.common import training_jax

TINY = loading.load_workload("tiny/ogbg")
TESTEES = [JaxTestee(), PyTorchTestee()]


def packed(num_parts: int, nodes_per_graph: int, edges_per_graph: int) -> graphs.GraphSource:
    message = Workload()
    message.CopyFrom(TINY)
    packing = GraphPacking(
        num_parts=num_parts, nodes_per_graph=nodes_per_graph, edges_per_graph=edges_per_graph
    )
    message.dataset.generated.packing.CopyFrom(packing)
    source = generated.open_source(message)
    assert isinstance(source, graphs.GraphSource)
    return source


def results(
    testee: Testee, source: graphs.GraphSource, indices: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits of the graphs at `indices` [P, b] one after the other, and gradients."""
    workload = testee.workload("tiny/ogbg")
    batch = source.batch("train", indices, None)
    passed = testee.training_pass(
        workload,
        testee._filled(workload, seed=3),
        testee.place(batch),
        testee.key(np.zeros(2, np.uint32)),
        dropout_rate=0.0,
        label_smoothing=0.1,
    )
    return passed.logits[:, :-1][indices >= 0], passed.gradients


@pytest.mark.parametrize("testee", TESTEES, ids=["jax", "pytorch"])
def test_neither_padding_nor_parts_change_a_result(testee: Testee) -> None:
    indices = np.arange(12)
    tight, gradients = results(testee, packed(1, 10, 20), indices[None])
    spread = np.full((3, 20), -1)
    spread[0, :7], spread[1, :5] = indices[:7], indices[7:]  # the third part has no graph at all
    for other in (packed(1, 90, 300), packed(3, 40, 90)):
        chosen = indices[None] if other.num_parts == 1 else spread
        logits, others = results(testee, other, chosen)
        np.testing.assert_allclose(logits, tight, rtol=1e-4, atol=1e-5)
        for name, gradient in gradients.items():
            scale = np.abs(gradient).max()
            np.testing.assert_allclose(others[name], gradient, rtol=0, atol=1e-5 * scale)


def test_jax_compiles_a_step_once() -> None:
    train_step: Any = training_jax.train_step
    before = train_step._cache_size()
    JaxTestee().trajectory("tiny/ogbg", 0, "nadamw", 1, num_steps=200)
    assert train_step._cache_size() == before + 1
