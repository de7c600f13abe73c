"""Known answers of the recipe behind golden vectors."""

import math

import numpy as np
import pytest

from conformance.golden import streams


def test_streams_have_their_published_first_values() -> None:
    # From the files of golden vectors: the input of mnist, and the first bias of every workload.
    images = streams.batch("mnist")["inputs"].reshape(-1)
    np.testing.assert_array_equal(
        images[:3],
        np.array([-0.11639837920665741, 0.35976314544677734, 0.1517530083656311], np.float32),
    )
    bias = streams.filled("Dense_0/bias", "bias", (128,))
    np.testing.assert_array_equal(
        bias[:2], np.array([0.03177613392472267, -0.07177026569843292], np.float32)
    )


@pytest.mark.parametrize(
    ("kind", "shape", "scale"),
    [
        ("kernel", (3, 3, 2, 5), 1 / math.sqrt(18)),
        ("kernel_qkv", (16, 2, 8), 1 / 4),
        ("embedding", (7, 4), 1 / 2),
    ],
)
def test_matrices_are_scaled_by_their_fan_in(
    kind: str, shape: tuple[int, ...], scale: float
) -> None:
    filled = streams.filled("a", kind, shape)
    np.testing.assert_array_equal(filled, streams.normal("a", shape) * np.float32(scale))
    assert filled.dtype == np.float32


def test_scales_and_variances_lie_around_one() -> None:
    x = streams.normal("a", (100,))
    np.testing.assert_allclose(streams.filled("a", "scale1", (100,)), 1 + 0.1 * x, rtol=1e-6)
    assert streams.filled("a", "bn_var", (100,)).min() >= 1


def test_unknown_kinds_and_workloads_are_refused() -> None:
    with pytest.raises(ValueError, match="scale2"):
        streams.filled("a", "scale2", (1,))
    with pytest.raises(ValueError, match="digits_vit"):
        streams.batch("digits_vit")


@pytest.mark.parametrize("base", sorted(streams.BATCHES.keys() - {"ogbg", "wmt"}))
def test_only_a_fourth_example_is_masked(base: str) -> None:
    batch = streams.batch(base)
    if "weights" in batch:  # speech has none
        assert batch["weights"].tolist() == [1, 1, 1, 0][: len(batch["inputs"])]


def test_of_graphs_the_padding_and_unknown_labels_are_masked() -> None:
    batch = streams.batch("ogbg")
    assert batch["inputs"]["n_node"].tolist() == [[17, 5, 5, 18, 60]]
    assert batch["weights"].shape == (1, 5, 128)
    assert batch["weights"].sum() == 315 and not batch["weights"][0, 4].any()


def test_packed_sentences_lie_end_to_end() -> None:
    batch = streams.train_batch("wmt")
    assert batch["inputs_segmentation"][1].tolist() == [1] * 30 + [2] * 34
    assert batch["targets_position"][0, 17:23].tolist() == [17, 0, 1, 2, 3, 4]
    assert batch["weights"].sum(1).tolist() == [55, 60]
    assert streams.batch("wmt")["weights"].sum(1).tolist() == [45, 60]
