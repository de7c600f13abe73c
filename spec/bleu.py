"""BLEU (Papineni et al. 2002) of a corpus from counts that add up over batches.

Counting (13a tokens, n-grams up to 4, one reference, case kept) is sacrebleu's. `bleu` is scored as
the official workload does, since published targets were set so, and `plain_bleu` as sacrebleu does:

* A translation without end token: officially nothing but its first token is kept; plainly all of it.
* No n-gram of any order matches: officially each precision is smoothed and the score is small;
  plainly it is 0.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

ORDERS = (1, 2, 3, 4)
ZERO = -9999999999.0  # the official logarithm of a precision of 0

Counts = dict[str, float]


def up_to_end(ids: np.ndarray, end: int) -> tuple[list[int], list[int]]:
    """A translation int [T] as it counts officially and plainly: up to its first end token, with
    it.
    """
    ends = np.flatnonzero(ids == end)
    if len(ends):
        ids = ids[: ends[0] + 1]
        return ids.tolist(), ids.tolist()
    return ids[:1].tolist(), ids.tolist()


def batch_counts(
    translations_BT: np.ndarray,
    batch: Mapping[str, np.ndarray],
    text: Callable[[list[int]], str],
    end: int,
) -> Counts:
    """The counts of an evaluation batch with `targets` and `weights` [B, T]. `text` makes a sentence
    of tokens; rows without a weighted token fill the batch up and do not count.
    """
    real = batch["weights"].any(1)
    sides = []
    for rows in (translations_BT[real], batch["targets"][real]):
        cut = [up_to_end(ids, end) for ids in rows]
        sides.append(([text(official) for official, _ in cut], [text(plain) for _, plain in cut]))
    (official, plain), (official_references, plain_references) = sides
    return counts("bleu", official, official_references) | counts(
        "plain_bleu", plain, plain_references
    )


def counts(name: str, translations: Sequence[str], references: Sequence[str]) -> Counts:
    """What `name`, `bleu` or `plain_bleu`, adds up over these pairs: matches and n-grams of every
    order and tokens on both sides.
    """
    from sacrebleu.metrics import (
        BLEU,
    )  # slow to import, and only evaluations of translations need it

    if not translations:
        values = [0.0] * 10
    else:
        found = BLEU(tokenize="13a").corpus_score(translations, [references])
        values = [*found.counts, *found.totals, found.sys_len, found.ref_len]
    return {f"{name}/{key}": float(v) for key, v in zip(_KEYS, values, strict=True)}


_KEYS = (
    *(f"matches{n}" for n in ORDERS),
    *(f"ngrams{n}" for n in ORDERS),
    "translation_tokens",
    "reference_tokens",
)


def scores(sums: Mapping[str, float]) -> dict[str, float]:
    """`bleu` and `plain_bleu`, in [0, 100], from sums of their counts."""
    from sacrebleu.metrics import BLEU

    plain = [int(sums[f"plain_bleu/{key}"]) for key in _KEYS]
    result = BLEU.compute_bleu(plain[:4], plain[4:8], plain[8], plain[9], smooth_method="exp")
    return {
        "bleu": official_score([sums[f"bleu/{key}"] for key in _KEYS]),
        "plain_bleu": float(result.score),
    }


def official_score(values: Sequence[float]) -> float:
    """BLEU from matches and n-grams by order and tokens on both sides.

    An order without match has the precision 1 / (2^k n-grams), k counting such orders; from the
    first order without n-grams on precisions are 0.
    """
    matches, ngrams, (translation, reference) = values[:4], values[4:8], values[8:]
    logs = [ZERO] * 4
    smoothing = 1.0
    for order in range(4):
        if ngrams[order] == 0:
            break
        if matches[order] == 0:
            smoothing *= 2
        precision = max(matches[order], 1 / smoothing) / ngrams[order]
        logs[order] = math.log(100 * precision)
    brevity = 1.0
    if translation < reference:
        brevity = math.exp(1 - reference / translation) if translation else 0.0
    return brevity * math.exp(sum(logs) / 4)
