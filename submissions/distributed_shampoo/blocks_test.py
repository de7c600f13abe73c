import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from submissions.distributed_shampoo import blocks


def test_axes_are_merged_up_to_the_limit() -> None:
    assert blocks.merge((64, 3, 7, 7), 1024) == (192, 49)
    assert blocks.merge((64, 3, 7, 7), 200) == (192, 49)
    assert blocks.merge((16, 8, 3, 3), 1024) == (384, 3)
    assert blocks.merge((1, 1, 5), 4) == (5,)
    assert blocks.merge((), 4) == blocks.merge((1,), 4) == (1,)


def test_a_matrix_beyond_the_limit_is_cut() -> None:
    plan = blocks.plan([(5, 3), (4,)], limit=4, root=0)
    assert plan.merged == ((5, 3), (4,))
    assert [b.slices for b in plan.of_tensor(0)] == [
        (slice(0, 4), slice(0, 3)),
        (slice(4, 5), slice(0, 3)),
    ]
    assert [b.places for b in plan.blocks] == [((4, 0), (3, 0)), ((1, 0), (3, 1)), ((4, 1),)]
    assert plan.roots == {4: (4, 2), 3: (4, 4), 1: (4,)}
    assert blocks.plan([(5, 3)], limit=8, root=2).roots == {5: (2,), 3: (2,)}


def test_tables_of_embeddings_have_no_blocks() -> None:
    plan = blocks.plan([(1_000_000, 128), (2, 2)], limit=1024, root=0)
    assert plan.merged == (None, (4,))
    assert {b.tensor for b in plan.blocks} == {1}


@given(st.lists(st.integers(1, 7), max_size=4), st.integers(1, 12))
def test_blocks_cover_every_element_once(shape: list[int], limit: int) -> None:
    plan = blocks.plan([tuple(shape)], limit, root=0)
    merged = plan.merged[0]
    assert merged is not None
    seen = np.zeros(merged, int)
    for block in plan.blocks:
        seen[block.slices] += 1
        assert seen[block.slices].shape == tuple(size for size, _ in block.places)
    assert (seen == 1).all() and seen.size == np.prod(shape, dtype=int)
