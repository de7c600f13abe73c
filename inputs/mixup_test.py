import numpy as np
import pytest
import scipy.stats

from inputs import mixup
from inputs.pipeline import Batch, train_batch
from spec import rng

ALPHA = 0.2


class Mixing:
    """Ten examples [value] that are their own index, and its one-hot labels."""

    noise_size = 0
    mixup_alpha = ALPHA

    def num_examples(self, split: str) -> int:
        return 10

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        inputs = indices.astype(np.float32)[:, None]
        return {"inputs": inputs, "targets": np.eye(10, dtype=np.float32)[indices]}


class Plain(Mixing):
    mixup_alpha = 0.0


def test_rows_are_mixed_with_the_row_before() -> None:
    batch = {"x": np.array([[8], [4], [2]], np.float32), "y": np.eye(3, dtype=np.float32)}
    mixed = mixup.mixed(batch, 0.75)
    np.testing.assert_array_equal(mixed["x"], [[5], [2.5]])
    np.testing.assert_array_equal(mixed["y"], [[0.25, 0.75, 0], [0, 0.25, 0.75]])


def test_the_weight_is_a_known_function_of_the_key() -> None:
    """The first pair, worked out by hand: it is accepted."""
    u, v = (float(x) ** 5 for x in rng.uniform64(rng.key(0, "test"), 2))
    assert u + v < 1
    assert mixup.weight(rng.key(0, "test"), ALPHA) == pytest.approx(u / (u + v), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_are_beta_distributed(alpha: float) -> None:
    weights = [mixup.weight(rng.key(0, "test", step=step), alpha) for step in range(2000)]
    assert scipy.stats.kstest(weights, scipy.stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_a_batch_is_mixed_over_all_shards_with_one_weight() -> None:
    plain, whole = (train_batch(source, 3, 6, slice(None), 1) for source in (Plain(), Mixing()))
    kept = mixup.weight(rng.key(3, "mixup", "train", 1), ALPHA)
    for name in ("inputs", "targets"):
        expected = kept * plain[name] + (1 - kept) * np.roll(plain[name], 1, axis=0)
        np.testing.assert_allclose(whole[name], expected, rtol=1e-6)
    for count in (2, 3, 6):
        size = 6 // count
        parts = [
            train_batch(Mixing(), 3, 6, slice(i * size, (i + 1) * size), 1) for i in range(count)
        ]
        for name, array in whole.items():
            assert np.concatenate([part[name] for part in parts]).tobytes() == array.tobytes()


def test_weights_differ_between_steps_and_seeds() -> None:
    keys = [rng.key(seed, "mixup", "train", step) for seed in (0, 1) for step in (0, 1)]
    assert len({mixup.weight(key, ALPHA) for key in keys}) == 4
