"""Batches of graphs: by hand, and through the pipeline."""

import contextlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs import pipeline
from inputs.graphs import UNKNOWN, Graphs, GraphSource
from spec import loading
from spec.parameters import flatten
from spec.workload_pb2 import GraphPacking

TINY = loading.load_workload("tiny/ogbg")


def two_graphs(num_parts: int) -> GraphSource:
    """A path of three nodes, and two nodes with an edge from the second to the first."""
    graphs = Graphs(
        num_nodes=np.array([3, 2]),
        num_edges=np.array([2, 1]),
        nodes=np.array([[1], [2], [3], [4], [5]]),
        edges=np.array([[10, 11], [20, 21], [30, 31]]),
        ends=np.array([[0, 1], [1, 2], [1, 0]]),
        labels=np.array([[0, 1], [1, UNKNOWN]]),
    )
    packing = GraphPacking(num_parts=num_parts, nodes_per_graph=3, edges_per_graph=4)
    return GraphSource(graphs, {"train": np.array([0, 1])}, packing, sha256="")


def test_a_part_by_hand() -> None:
    batch = two_graphs(1).batch("train", np.array([[1, 0]]), None)
    inputs = batch["inputs"]
    assert inputs["nodes"][0].tolist() == [[4], [5], [1], [2], [3], [0], [0]]
    assert inputs["senders"][0].tolist() == [1, 0, 2, 3, 3, 4, 5, 5]
    assert inputs["receivers"][0].tolist() == [0, 1, 3, 4, 2, 3, 5, 5]
    assert inputs["edges"][0, :, 0].tolist() == [30, 30, 10, 20, 10, 20, 0, 0]
    assert inputs["n_node"].tolist() == [[2, 3, 2]] and inputs["n_edge"].tolist() == [[2, 4, 2]]
    assert batch["targets"].tolist() == [[[1, 0], [0, 1], [0, 0]]]
    assert batch["weights"].tolist() == [[[1, 0], [1, 1], [0, 0]]]


def test_nodes_are_numbered_within_their_part() -> None:
    batch = two_graphs(2).batch("train", np.array([[0], [-1]]), None)
    assert batch["inputs"]["senders"].tolist() == [[0, 1, 1, 2], [0, 0, 0, 0]]
    assert batch["inputs"]["n_node"].tolist() == [[3, 1], [4, 0]]
    assert batch["inputs"]["n_edge"].tolist() == [[4, 0], [4, 0]]
    assert not batch["weights"][1].any()


@given(st.integers(0, 400))
def test_every_batch_has_the_same_shape_and_counts_add_up(step: int) -> None:
    source = pipeline.open_source(TINY)
    first, batch = (flatten(pipeline.train_batch(source, 0, 16, slice(None), s)) for s in (0, step))
    shapes = {name: (array.shape, array.dtype) for name, array in batch.items()}
    assert shapes == {name: (array.shape, array.dtype) for name, array in first.items()}
    assert (batch["inputs.n_node"].sum(1) == batch["inputs.nodes"].shape[1]).all()
    assert (batch["inputs.n_edge"].sum(1) == batch["inputs.edges"].shape[1]).all()
    owner = [np.repeat(np.arange(len(n)), n) for n in batch["inputs.n_node"]]
    for part, numbers in enumerate(owner):
        ends = numbers[batch["inputs.senders"][part]], numbers[batch["inputs.receivers"][part]]
        np.testing.assert_array_equal(*ends)


def test_shards_are_parts_and_streams_resume() -> None:
    def take(count: int, **options: object) -> list[pipeline.Batch]:
        batches = pipeline.TrainBatches(TINY, 0, 16, **options)  # type: ignore[arg-type]
        with contextlib.closing(batches):
            return list(itertools.islice(batches, count))

    whole, resumed = take(5), take(2, start_step=3)
    shards = [take(5, shard=(index, 2)) for index in range(2)]
    for number, batch in enumerate(whole):
        for name, array in flatten(batch).items():
            halves = [flatten(shard[number])[name] for shard in shards]
            np.testing.assert_array_equal(np.concatenate(halves), array)
            if number >= 3:
                np.testing.assert_array_equal(flatten(resumed[number - 3])[name], array)


@pytest.mark.parametrize(("size", "shards"), [(15, 1), (16, 4)])
def test_parts_must_divide_the_batch_and_shards_the_parts(size: int, shards: int) -> None:
    with pytest.raises(ValueError, match="tiny/ogbg expects a multiple of 2"):
        pipeline.TrainBatches(TINY, 0, size, shard=(0, shards))
