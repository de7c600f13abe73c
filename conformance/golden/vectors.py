"""Files of golden vectors: what they record of one workload, and how near an answer comes.

A file records arrays by summaries: shape, sum, Euclidean norm and first values. Quantities are named
`parameter/<path>`, `input/<key>`, `eval/logits`, `eval/loss/summed`, `eval/no_mask/summed`,
`train/...`, `gradient/<path>`, `gradient_norm` and `state/<path>`, with official flattened JAX paths.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format

from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import SPEECH, Workload

# What the part of a file's name after `__` changes in the workload, and in the fill of embeddings; a
# part that is not listed changes nothing.
CHANGES = {
    "pad11": ("model { resnet { padding: SYMMETRIC } }", 0.0),
    "emb1": ("", 1.0),
}
# Of the evaluation and training blocks: what is read below, and what is not about numbers.
LOSSES = ("summed", "n_valid_examples", "mean")
CORRECT_TOKENS = ("accuracy_sum", "accuracy_denominator")  # of a translation's evaluation
METRICS = {"ssim"}  # recorded by example; an evaluation has their mean
BOOKKEEPING = {"repeat_bitwise_equal", "mean_loss_jit", "logit_lengths"}


@dataclasses.dataclass(frozen=True)
class Summary:
    """An array in short. Axes of length 1 are left out of the shape."""

    shape: tuple[int, ...]
    total: float
    norm: float
    first: tuple[float, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True)
class Vectors:
    """One file.

    Attributes:
      name: the workload's, and what follows `__` in the file's.
      workload: with the change that the name asks for.
      base: the workload whose inputs are used.
      embedding_scale: of filled embeddings; 0 for the recipe's own.
      recorded: the file's JSON.
    """

    name: str
    workload: Workload
    base: str
    embedding_scale: float
    recorded: dict[str, Any]

    def kind(self, path: str) -> str:
        """How a parameter or statistic is filled; SpecError if the file does not know it."""
        for block in ("params", "batch_stats"):
            if path in self.recorded[block]:
                return self.recorded[block][path]["kind"]
        raise SpecError(f"{self.name}: the file has no parameter {path}")

    @property
    def metrics(self) -> set[str]:
        return METRICS & self.recorded["eval"].keys()


def read(path: Path) -> Vectors:
    """Reads one file.

    Raises:
      SpecError: it is no such file, or its workload is unknown or has no model here.
    """
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        name, base = recorded["workload"], recorded["base"]
        for block in ("params", "batch_stats", "eval", "train"):
            recorded[block].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"{path}: not a file of golden vectors: {error!r}") from error
    _, mark, suffix = path.stem.partition("__")
    change, embedding_scale = CHANGES.get(suffix, ("", 0.0))
    workload = loading.load_workload(name)
    if not workload.HasField("model"):
        raise SpecError(f"{path}: workload {name} has no model yet")
    workload = loading.overlay(workload, text_format.Parse(change, Workload()))
    if recorded.get("specaug") is False and workload.metrics == SPEECH:
        family = getattr(workload.model, str(workload.model.WhichOneof("family")))
        family.spec_augment.num_time_masks = family.spec_augment.num_frequency_masks = 0
    return Vectors(f"{name}{mark}{suffix}", workload, base, embedding_scale, recorded)


def expected(vectors: Vectors) -> Iterator[tuple[str, Summary | None]]:
    """Every quantity of a file; None where the file has something that is not understood."""
    recorded = vectors.recorded
    for block in ("params", "batch_stats"):
        for path, summary in recorded[block].items():
            yield f"parameter/{path}", _summary(summary)
    for block, prefix in (("eval_inputs", "input"), ("train_inputs", "train_input")):
        for key, summary in recorded.get(block, {}).items():
            name = key.removeprefix("['").replace("']", "").replace("[", "/").replace("]", "")
            yield f"{prefix}/{name}", _summary(summary)
    for mode in ("eval", "train"):
        yield from _pass(mode, recorded[mode])


def _pass(mode: str, block: dict[str, Any]) -> Iterator[tuple[str, Summary | None]]:
    for key, value in block.items():
        if key == "logits" and "logits_unpadded" in block:
            continue  # padded frames mean nothing: the other entry has 0 there
        if key in ("logits", "logits_unpadded"):
            yield f"{mode}/logits", _summary(value)
        elif key == "logit_paddings":
            yield f"{mode}/logit_paddings", _summary(value)
        elif key == "greedy_decode":
            yield f"{mode}/decoded", of_rows(value)
        elif key == "loss":
            yield from _loss(f"{mode}/loss", value)
        elif key == "extra_losses":
            for name, loss in value.items():
                yield from _loss(f"{mode}/{name}", loss)
        elif key in METRICS:
            yield f"{mode}/{key}", of_array(np.mean(value))
        elif key in CORRECT_TOKENS:
            yield f"{mode}/{key}", of_array(np.asarray(value))
        elif key == "grads":
            for path, summary in value.items():
                yield f"gradient/{path}", _summary(summary)
        elif key == "new_model_state":
            for path, summary in value.items():
                yield f"state/{path}", _summary(summary)
        elif key == "grad_global_l2":
            yield "gradient_norm", of_array(np.asarray(value))
        elif key not in BOOKKEEPING:
            yield f"{mode}/{key}", None


def _loss(prefix: str, block: dict[str, Any]) -> Iterator[tuple[str, Summary]]:
    for key in LOSSES:
        yield f"{prefix}/{key}", of_array(np.asarray(block[key]))
    yield f"{prefix}/per_example", _summary(block["per_example"])


def _summary(block: dict[str, Any]) -> Summary:
    first = next((block[key] for key in ("first16", "first8", "first4") if key in block), ())
    shape = tuple(n for n in block["shape"] if n != 1)
    return Summary(shape, block["sum"], block["l2"], tuple(first))


def of_array(array: np.ndarray) -> Summary:
    """The summary of an array: sums in float64, 16 first values."""
    flat = np.asarray(array).reshape(-1)
    pieces = [flat[i : i + (1 << 20)].astype(np.float64) for i in range(0, flat.size, 1 << 20)]
    total = math.fsum(float(piece.sum()) for piece in pieces)
    norm = math.sqrt(math.fsum(float(piece @ piece) for piece in pieces))
    shape = tuple(n for n in np.shape(array) if n != 1)
    return Summary(shape, total, norm, tuple(flat[:16].astype(np.float64).tolist()))


def of_rows(rows: Iterable[Sequence[int]]) -> Summary:
    """The summary of rows of tokens, each with its number, which begins it."""
    flat = [number for row in rows for number in (len(row), *row)]
    return of_array(np.array(flat))


def error(found: Summary, golden: Summary, floor: float = 0.0) -> float:
    """Distance of two summaries (spec/conformance.proto, SUMMARY); `floor` is the least norm that
    differences are measured against. Infinite for another shape.
    """
    if found.shape != golden.shape:
        return math.inf
    scale = max(golden.norm, floor)
    count = min(len(found.first), len(golden.first))
    a, b = np.array(found.first[:count]), np.array(golden.first[:count])
    first_scale = max(float(np.linalg.norm(b)), scale * math.sqrt(count / golden.size))
    return max(
        _ratio(abs(found.total - golden.total), scale * math.sqrt(golden.size)),
        _ratio(abs(found.norm - golden.norm), scale),
        _ratio(float(np.linalg.norm(a - b)), first_scale) if count else 0.0,
    )


def _ratio(difference: float, scale: float) -> float:
    if math.isnan(difference):
        return math.inf
    return difference / scale if scale else math.inf * difference if difference else 0.0


def to_arrays(summaries: dict[str, Summary]) -> dict[str, np.ndarray]:
    """As arrays, for a file: [number of axes, *shape, sum, norm, *first values] of each."""
    return {
        name: np.array([len(s.shape), *s.shape, s.total, s.norm, *s.first], np.float64)
        for name, s in summaries.items()
    }


def from_array(array: np.ndarray) -> Summary:
    axes, *rest = array.tolist()
    count = int(axes)
    shape = tuple(int(n) for n in rest[:count])
    return Summary(shape, rest[count], rest[count + 1], tuple(rest[count + 2 :]))
