"""Batch norm in two processes, played by two threads that meet where a message would be sent."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from backends.pytorch import layers, placement, speech
from backends.pytorch.layers import Pass
from backends.pytorch.workload import shared_keep_mask, shared_uniform
from spec import rng

PATIENCE_SEC = 60


def play(monkeypatch: pytest.MonkeyPatch, rank_of: Callable[[int], Any]) -> list[Any]:
    """What `rank_of(rank)` gives on each of two ranks."""
    here = threading.local()
    barrier = threading.Barrier(2)
    sent: dict[int, Tensor] = {}

    class Sum:
        @staticmethod
        def apply(x: Tensor) -> Tensor:
            sent[here.rank] = x
            barrier.wait(PATIENCE_SEC)
            total = sent[0] + sent[1]
            barrier.wait(PATIENCE_SEC)
            return total

    results: list[Any] = [None, None]

    def run(rank: int) -> None:
        here.rank = rank
        results[rank] = rank_of(rank)

    with monkeypatch.context() as patch:
        patch.setattr(placement, "SumOverRanks", Sum)
        patch.setattr(placement, "num_ranks", lambda: 2)
        patch.setattr(placement, "rank", lambda: here.rank)
        threads = [threading.Thread(target=run, args=[rank]) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


def layer_of(make: Callable[[], Any]) -> Any:
    layer = make().double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.5, -2.0, 1.5]))
        layer.bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
        layer.running_mean.copy_(torch.tensor([3.0, 0.0, -1.0]))
        layer.running_var.copy_(torch.tensor([2.0, 1.0, 0.5]))
    return layer


def paddings(*lengths: int) -> Tensor:
    return torch.tensor([[0.0] * n + [1.0] * (5 - n) for n in lengths], dtype=torch.float64)


@pytest.mark.parametrize(
    ("make", "shape", "others"),
    [
        (lambda: layers.BatchNorm(3, decay=0.9, epsilon=1e-5), (4, 3, 2, 2), None),
        (lambda: speech.MaskedBatchNorm(3, decay=0.9, epsilon=1e-5), (4, 5, 3), (5, 2, 1, 4)),
        (lambda: speech.MaskedBatchNorm(3, decay=0.9, epsilon=1e-5), (4, 5, 3), (5, 2, 0, 0)),
        (lambda: speech.MaskedBatchNorm(3, decay=0.9, epsilon=1e-5), (4, 5, 3), (0, 0, 0, 0)),
    ],
)
@pytest.mark.parametrize("update", [True, False])
def test_batch_norm_has_the_statistics_of_the_global_batch(
    monkeypatch: pytest.MonkeyPatch, make: Any, shape: Any, others: Any, update: bool
) -> None:
    generator = torch.Generator().manual_seed(0)
    x = 100 + torch.randn(shape, generator=generator, dtype=torch.float64)
    direction = torch.randn(shape, generator=generator, dtype=torch.float64)
    how = Pass(train=True, update_batch_norm=update)
    more = () if others is None else (paddings(*others),)

    def passed(layer: Any, rows: slice) -> tuple[Any, Any, Any]:
        own = x[rows].clone().requires_grad_()
        return layer, own, layer(own, *(array[rows] for array in more), how)

    whole, whole_x, y = passed(layer_of(make), slice(None))
    torch.sum(y * direction).backward()

    ranks = play(monkeypatch, lambda rank: passed(layer_of(make), slice(2 * rank, 2 * rank + 2)))
    joined = torch.cat([y for _, _, y in ranks])
    torch.sum(joined * direction).backward()
    np.testing.assert_allclose(joined.detach(), y.detach(), rtol=1e-9, atol=1e-9)
    found = torch.cat([own.grad for _, own, _ in ranks])
    np.testing.assert_allclose(found, whole_x.grad, rtol=1e-7, atol=1e-9)
    for name in ("weight", "bias"):
        total = sum(getattr(layer, name).grad for layer, _, _ in ranks)
        np.testing.assert_allclose(total, getattr(whole, name).grad, rtol=1e-7, atol=1e-9)
    for layer, _, _ in ranks:
        np.testing.assert_allclose(layer.running_mean, whole.running_mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_var, whole.running_var, rtol=1e-9)


def test_a_process_that_is_alone_says_what_it_leaves_unused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert placement.meet() is None
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert placement.meet() is None
    assert "note: one of 4 GPUs is used" in capsys.readouterr().out


def test_masks_of_two_ranks_are_those_of_the_global_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    words = rng.key_words(0, "masks")
    whole_mask = shared_keep_mask(words, "here", (4, 3), 0.5)
    whole_numbers = shared_uniform(words, "here", (2, 4, 3))
    masks = play(monkeypatch, lambda rank: shared_keep_mask(words, "here", (2, 3), 0.5))
    numbers = play(monkeypatch, lambda rank: shared_uniform(words, "here", (2, 2, 3)))
    np.testing.assert_array_equal(torch.cat(masks), whole_mask)
    np.testing.assert_array_equal(torch.cat(numbers, 1), whole_numbers)
