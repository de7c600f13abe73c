"""Translation in both backends: padding and packing change nothing, beam search finds what it should,
and JAX compiles once.
"""

import itertools
from typing import Any

import jax
import numpy as np
import pytest
import torch

from backends.jax import beam as jax_beam
from backends.pytorch import beam as pytorch_beam
from conformance.testee.testee import Testee
from conformance.testee.testee_jax import JaxTestee
from conformance.testee.testee_pytorch import PyTorchTestee
from inputs import pipeline, sentence_rows
from spec import loading, rng
from spec.interface import ForwardPassMode
from spec.models_pb2 import TransformerMT

TESTEES: dict[str, type[Testee]] = {"jax": JaxTestee, "pytorch": PyTorchTestee}
KEY = rng.key_words(0, "test")
WORKLOADS = ["tiny/wmt", "tiny/wmt_post_ln"]


class Opened:
    """A workload on a backend with filled parameters."""

    def __init__(self, backend: str, name: str = "tiny/wmt"):
        self.testee = TESTEES[backend]()
        self.workload = self.testee.workload(name)
        self.model = self.testee._filled(self.workload, 3)

    def logits(self, batch: pipeline.Batch) -> np.ndarray:
        placed = self.testee.place(batch)
        found, _ = self.testee.forward_pass(
            self.workload, self.model, placed, KEY, ForwardPassMode.EVAL, update_batch_norm=False
        )
        return np.asarray(self.testee.fetch(found))

    def translations(self, batch: pipeline.Batch) -> np.ndarray:
        found = self.workload.translate_fn(self.model[0], self.testee.place(batch))
        return np.asarray(self.testee.fetch(found))


def sentences(count: int) -> pipeline.Batch:
    source = pipeline.open_source(loading.load_workload("tiny/wmt"))
    return source.batch("validation", np.arange(count), None)


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("backend", TESTEES)
def test_padding_changes_nothing(backend: str, name: str) -> None:
    opened = Opened(backend, name)
    batch = sentences(8)
    length = max(np.count_nonzero(batch[side], 1).max() for side in ("inputs", "targets"))
    assert length < batch["inputs"].shape[1]
    short = {key: np.ascontiguousarray(array[:, :length]) for key, array in batch.items()}
    real = short["weights"] > 0
    np.testing.assert_allclose(
        opened.logits(batch)[:, :length][real], opened.logits(short)[real], rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(opened.translations(batch), opened.translations(short))


@pytest.mark.parametrize("backend", TESTEES)
def test_a_sentence_in_a_packed_row_is_the_sentence_alone(backend: str) -> None:
    opened = Opened(backend)
    first, second = [5, 9, 2], [7, 4, 8, 6, 2]
    inputs = sentence_rows.from_lists([first, second])

    def logits_of(targets: list[list[int]]) -> np.ndarray:
        pairs = {"inputs": inputs, "targets": sentence_rows.from_lists(targets)}
        lengths = {side: sentences.packed_lengths() for side, sentences in pairs.items()}
        bounds, row = np.array([0, 2]), np.array([0])
        return opened.logits(sentence_rows.packed(pairs, lengths, bounds, row, 12))[0]

    found = logits_of([first, second])
    alone = sentence_rows.padded({"inputs": inputs, "targets": inputs}, np.array([0]), 12)
    np.testing.assert_allclose(found[:3], opened.logits(alone)[0, :3], rtol=1e-5, atol=1e-5)
    # The second sentence starts from the last token of the first, as officially, and sees no more
    # of it.
    np.testing.assert_array_equal(logits_of([[3, 3, 2], second])[3:8], found[3:8])


def config(length: int) -> TransformerMT:
    return TransformerMT(max_length=length, beam_size=2, length_penalty=0.6, end_token=2)


def test_beam_search_by_hand() -> None:
    """A chain of tokens where the greedy choice is the wrong one, against all sequences."""
    probabilities = np.full((5, 5), 1e-6)
    probabilities[0] = [1e-6, 1e-6, 0.05, 0.5, 0.45]  # the first token: 3 looks better than 4
    probabilities[3] = [1e-6, 1e-6, 0.35, 0.35, 0.30]
    probabilities[4] = [1e-6, 1e-6, 0.97, 0.02, 0.01]
    table = np.log(probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32)

    def score(tokens: tuple[int, ...]) -> float:
        steps = itertools.pairwise((0, *tokens))
        return sum(table[a, b] for a, b in steps) / ((5 + len(tokens)) / 6) ** 0.6

    finished = [
        (*middle, 2) for n in range(5) for middle in itertools.product((0, 1, 3, 4), repeat=n)
    ]
    best = max(finished, key=score)
    assert best == (4, 2)
    expected = [[*best, 0, 0, 0]]
    a, b = jax.numpy.asarray(table), torch.from_numpy(table)
    none_j = [(jax.numpy.zeros((1, 2, 0)),) * 2]
    none_t = [(torch.zeros(1, 2, 0),) * 2]
    of_jax = jax_beam.search(lambda t, i, c: (a[t], c), none_j, 1, config(6))
    of_pytorch = pytorch_beam.search(lambda t, i, c: (b[t], c), none_t, 1, config(6))
    assert of_jax.tolist() == of_pytorch.tolist() == expected


def test_without_an_end_the_best_live_hypothesis_is_taken() -> None:
    table = np.full((5, 5), -30.0, np.float32)
    table[:, 3] = 0
    a, b = jax.numpy.asarray(table), torch.from_numpy(table)
    of_jax = jax_beam.search(
        lambda t, i, c: (a[t], c), [(jax.numpy.zeros((2, 2, 0)),) * 2], 2, config(4)
    )
    of_pytorch = pytorch_beam.search(
        lambda t, i, c: (b[t], c), [(torch.zeros(2, 2, 0),) * 2], 2, config(4)
    )
    # Ends are there, improbable as they are: finished hypotheses come before live ones.
    assert of_jax.tolist() == of_pytorch.tolist()


@pytest.mark.parametrize("count", [1, 3])
def test_of_equal_scores_the_first_wins(count: int) -> None:
    x = np.array([[1.0, 3.0, 3.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0, 0.0]], np.float32)
    places = [[1, 2, 4], [0, 1, 2]]
    for found in (
        jax_beam.largest(jax.numpy.asarray(x), count),
        pytorch_beam.largest(torch.from_numpy(x), count),
    ):
        assert np.asarray(found[1]).tolist() == [row[:count] for row in places]


def test_jax_compiles_a_step_once_over_ragged_data() -> None:
    opened = Opened("jax")
    message = opened.workload.message
    traces = []

    def loss(params: Any, batch: Any) -> Any:
        traces.append(batch)
        logits, _ = opened.workload.model_fn(
            params, batch, {}, ForwardPassMode.TRAIN, KEY, True, dropout_rate=0.1
        )
        return opened.workload.loss_fn(batch["targets"], logits, batch["weights"])["summed"]

    step = jax.jit(loss)
    source = pipeline.open_source(message)
    sizes = set()
    for number in range(200):
        batch = pipeline.train_batch(source, 0, 8, slice(None), number)
        sizes.add(int(batch["weights"].sum()))
        step(opened.model[0], opened.testee.place(batch))
    assert len(sizes) > 10 and len(traces) == 1
    for batch in pipeline.eval_batches(message, "validation"):
        opened.translations(batch)
    assert opened.workload.translate_fn._cache_size() == 1
