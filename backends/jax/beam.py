"""Beam search, as the official workload does it (after Wu et al. 2016, arXiv 1609.08144).

Scores of finished hypotheses are log-probabilities over a length penalty. Hypotheses are kept in
ascending order of their score. Among equal scores the candidate that comes first wins: of the
lower-numbered hypothesis, then of the lower token.

Dimensions: B batch, H hypotheses, T tokens, V vocabulary, C candidates (2 H).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax import numpy as jnp

from backends.jax.layers import Array
from spec.models_pb2 import TransformerMT

IMPOSSIBLE = -1e7  # score of a hypothesis that is not there

Step = Callable[[Array, Array, Any], tuple[Array, Any]]


class State(NamedTuple):
    """Where the search stands: `index` tokens after the first are chosen."""

    index: Array
    live_scores_BH: Array  # log-probabilities
    live_BHT: Array
    finished_scores_BH: Array
    finished_BHT: Array
    is_finished_BH: Array
    caches: Any  # leaves [B, H, ...]


def search(step: Step, caches: Any, batch_size: int, config: TransformerMT) -> Array:
    """The best hypotheses, int32 [B, max_length - 1], without the 0 they start from.

    `step(tokens_BH, index, caches)` gives logits [B, H, V] of the token after number `index`.
    """
    num_beams, length = config.beam_size, config.max_length
    tokens = jnp.zeros((batch_size, num_beams, length), jnp.int32)
    scores = jnp.full((batch_size, num_beams), IMPOSSIBLE)
    start = State(
        jnp.zeros((), jnp.int32),
        scores.at[:, 0].set(0),
        tokens,
        scores,
        tokens,
        jnp.zeros((batch_size, num_beams), bool),
        caches,
    )

    def unfinished(state: State) -> Array:
        return (state.index < length - 1) & ~is_decided(state, config)

    end = jax.lax.while_loop(unfinished, lambda state: advanced(state, step, config), start)
    any_finished_B = jnp.any(end.is_finished_BH, 1)
    return jnp.where(any_finished_B[:, None], end.finished_BHT[:, -1], end.live_BHT[:, -1])[:, 1:]


def is_decided(state: State, config: TransformerMT) -> Array:
    """Whether no live hypothesis of any row can still come among the finished ones."""
    best_live_B = state.live_scores_BH[:, -1] / penalty(config.max_length, config)
    worst_B = jnp.min(jnp.where(state.is_finished_BH, state.finished_scores_BH, IMPOSSIBLE), 1)
    return jnp.all(worst_B > best_live_B)


def advanced(state: State, step: Step, config: TransformerMT) -> State:
    """The state with one more token."""
    num_beams, place = config.beam_size, state.index + 1
    tokens_BH = state.live_BHT[:, :, state.index]
    logits, caches = step(tokens_BH, state.index, state.caches)
    totals_BHV = state.live_scores_BH[..., None] + jax.nn.log_softmax(logits)
    num_tokens = totals_BHV.shape[-1]
    scores_BC, chosen_BC = largest(totals_BHV.reshape(len(logits), -1), 2 * num_beams)
    parents_BC, new_BC = chosen_BC // num_tokens, chosen_BC % num_tokens
    candidates_BCT = rows(state.live_BHT, parents_BC).at[:, :, place].set(new_BC)
    ends_BC = new_BC == config.end_token

    live_scores_BH, order_BH = largest(scores_BC + ends_BC * IMPOSSIBLE, num_beams)
    live_scores_BH, order_BH = live_scores_BH[:, ::-1], order_BH[:, ::-1]
    parents_BH = rows(parents_BC, order_BH)

    ended_BC = jnp.where(ends_BC, 0, IMPOSSIBLE) + scores_BC / penalty(place, config)
    all_scores = jnp.concatenate([state.finished_scores_BH, ended_BC], 1)
    finished_scores_BH, kept_BH = largest(all_scores, num_beams)
    finished_scores_BH, kept_BH = finished_scores_BH[:, ::-1], kept_BH[:, ::-1]
    return State(
        place,
        live_scores_BH,
        rows(candidates_BCT, order_BH),
        finished_scores_BH,
        rows(jnp.concatenate([state.finished_BHT, candidates_BCT], 1), kept_BH),
        rows(jnp.concatenate([state.is_finished_BH, ends_BC], 1), kept_BH),
        jax.tree.map(lambda cache: rows(cache, parents_BH), caches),
    )


def penalty(length: int | Array, config: TransformerMT) -> Any:
    return ((5.0 + length) / 6.0) ** config.length_penalty


def largest(x_BC: Array, count: int) -> tuple[Array, Array]:
    """Values and places of the largest, descending; the first of equals comes first."""
    return jax.lax.top_k(x_BC, count)


def rows(x: Array, places_BH: Array) -> Array:
    """x [B, C, ...] at places [B, H] of its second axis."""
    return jax.vmap(lambda row, places: row[places])(x, places_BH)
