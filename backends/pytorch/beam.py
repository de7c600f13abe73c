"""Beam search, as the official workload does it (after Wu et al. 2016, arXiv 1609.08144).

Scores of finished hypotheses are log-probabilities over a length penalty. Hypotheses are kept in
ascending order of their score. Among equal scores the candidate that comes first wins: of the
lower-numbered hypothesis, then of the lower token.

Dimensions: B batch, H hypotheses, T tokens, V vocabulary, C candidates (2 H).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spec.models_pb2 import TransformerMT

IMPOSSIBLE = -1e7  # score of a hypothesis that is not there

Step = Callable[[Tensor, int, Any], tuple[Tensor, Any]]


class State(NamedTuple):
    """Where the search stands: `index` tokens after the first are chosen."""

    index: int
    live_scores_BH: Tensor  # log-probabilities
    live_BHT: Tensor
    finished_scores_BH: Tensor
    finished_BHT: Tensor
    is_finished_BH: Tensor
    caches: Any  # pairs of tensors [B, H, ...]


def search(step: Step, caches: Any, batch_size: int, config: TransformerMT) -> Tensor:
    """The best hypotheses, int64 [B, max_length - 1], without the 0 they start from.

    `step(tokens_BH, index, caches)` gives logits [B, H, V] of the token after number `index`.
    """
    num_beams, length = config.beam_size, config.max_length
    device = caches[0][0].device
    tokens = torch.zeros((batch_size, num_beams, length), dtype=torch.int64, device=device)
    scores = torch.full((batch_size, num_beams), IMPOSSIBLE, device=device)
    state = State(
        0,
        scores.index_fill(1, torch.zeros(1, dtype=torch.int64, device=device), 0),
        tokens,
        scores,
        tokens,
        torch.zeros((batch_size, num_beams), dtype=torch.bool, device=device),
        caches,
    )
    while state.index < length - 1 and not is_decided(state, config):
        state = advanced(state, step, config)
    any_finished_B = torch.any(state.is_finished_BH, 1)
    best = torch.where(any_finished_B[:, None], state.finished_BHT[:, -1], state.live_BHT[:, -1])
    return best[:, 1:]


def is_decided(state: State, config: TransformerMT) -> Tensor:
    """Whether no live hypothesis of any row can still come among the finished ones."""
    best_live_B = state.live_scores_BH[:, -1] / penalty(config.max_length, config)
    worst_B = torch.amin(torch.where(state.is_finished_BH, state.finished_scores_BH, IMPOSSIBLE), 1)
    return torch.all(worst_B > best_live_B)


def advanced(state: State, step: Step, config: TransformerMT) -> State:
    """The state with one more token."""
    num_beams, place = config.beam_size, state.index + 1
    tokens_BH = state.live_BHT[:, :, state.index]
    logits, caches = step(tokens_BH, state.index, state.caches)
    totals_BHV = state.live_scores_BH[..., None] + F.log_softmax(logits, -1)
    num_tokens = totals_BHV.shape[-1]
    scores_BC, chosen_BC = largest(totals_BHV.flatten(1), 2 * num_beams)
    parents_BC, new_BC = chosen_BC // num_tokens, chosen_BC % num_tokens
    candidates_BCT = rows(state.live_BHT, parents_BC)
    candidates_BCT[:, :, place] = new_BC
    ends_BC = new_BC == config.end_token

    live_scores_BH, order_BH = largest(scores_BC + ends_BC * IMPOSSIBLE, num_beams)
    live_scores_BH, order_BH = live_scores_BH.flip(1), order_BH.flip(1)
    parents_BH = rows(parents_BC, order_BH)

    ended_BC = torch.where(ends_BC, 0, IMPOSSIBLE) + scores_BC / penalty(place, config)
    all_scores = torch.cat([state.finished_scores_BH, ended_BC], 1)
    finished_scores_BH, kept_BH = largest(all_scores, num_beams)
    finished_scores_BH, kept_BH = finished_scores_BH.flip(1), kept_BH.flip(1)
    return State(
        place,
        live_scores_BH,
        rows(candidates_BCT, order_BH),
        finished_scores_BH,
        rows(torch.cat([state.finished_BHT, candidates_BCT], 1), kept_BH),
        rows(torch.cat([state.is_finished_BH, ends_BC], 1), kept_BH),
        [tuple(rows(tensor, parents_BH) for tensor in cache) for cache in caches],
    )


def penalty(length: int, config: TransformerMT) -> float:
    return ((5.0 + length) / 6.0) ** config.length_penalty


def largest(x_BC: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Values and places of the largest, descending; the first of equals comes first.

    torch.topk leaves the order of equals open; torch.max takes the first.
    """
    found = []
    for _ in range(count):
        values_B1, places_B1 = torch.max(x_BC, 1, keepdim=True)
        found.append((values_B1, places_B1))
        x_BC = x_BC.scatter(1, places_B1, -torch.inf)
    values, places = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
    return values, places


def rows(x: Tensor, places_BH: Tensor) -> Tensor:
    """x [B, C, ...] at places [B, H] of its second axis."""
    starts_B = torch.arange(0, x.shape[0] * x.shape[1], x.shape[1], device=x.device)
    chosen = x.flatten(0, 1).index_select(0, (starts_B[:, None] + places_BH).flatten())
    return chosen.unflatten(0, places_BH.shape)
