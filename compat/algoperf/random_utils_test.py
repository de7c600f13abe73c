"""Known answers of the official PyTorch helpers."""

import numpy as np
import pytest

from compat.algoperf import random_utils


def test_numbers_in_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_utils, "framework", "pytorch")
    first = random_utils.split(7, 2)
    assert first.tolist() == [[327741615, 976413892], [1202242073, 1369975286]]
    folded = random_utils.fold_in(first[0], 5)
    assert folded == [845577950, 5]
    assert random_utils.split(folded, 4).tolist() == [
        [1670060874, 694230150],
        [1514850077, 1759249477],
        [775785780, 776739869],
        [1554110876, 1080511092],
    ]
    assert random_utils.PRNGKey(7).tolist() == first[0].tolist()


def test_a_step_s_random_state_of_ours_can_be_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_utils, "framework", "pytorch")
    words = np.array([2**32 - 1, 5], np.uint32)
    assert random_utils.split(words).shape == (2, 2)


def test_keys_in_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    from jax import random

    monkeypatch.setattr(random_utils, "framework", "jax")
    key = random_utils.PRNGKey(7)
    assert np.array_equal(random_utils.split(key, 3), random.split(random.PRNGKey(7), 3))
    assert np.array_equal(random_utils.fold_in(key, 5), random.fold_in(random.PRNGKey(7), 5))
