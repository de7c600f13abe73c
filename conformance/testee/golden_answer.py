"""What a backend gives for a file of golden vectors, as summaries (conformance/golden/vectors.py)."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from conformance.arrays import Arrays, cast
from conformance.golden import streams
from conformance.golden import vectors as golden_vectors
from conformance.golden.vectors import Summary, Vectors
from conformance.testee.backend import Backend
from inputs.pipeline import named_arrays
from spec import official
from spec.interface import ForwardPassMode


def answer(backend: Backend, file: Path, dtype: type[np.floating]) -> Arrays:
    """The file's quantities as this backend has them, on the file's own parameters and inputs, computed
    in float32 or float64.
    """
    vectors = golden_vectors.read(file)
    workload = backend.open(vectors.workload)
    batch = streams.batch(vectors.base)
    train_batch = streams.train_batch(vectors.base)
    shapes = {p.name: tuple(p.shape) for p in workload.parameters}
    shapes |= {name: array.shape for name, array in workload.initial_state.items()}
    paths = official.jax_paths(vectors.workload.model, shapes)
    arrays = {name: _filled(vectors, paths[name], shape) for name, shape in shapes.items()}
    found = _summaries("input", named_arrays(batch))
    found |= _summaries("train_input", named_arrays(train_batch))
    found |= _summaries("parameter", arrays, paths)
    arrays, batch, train_batch = (cast(part, dtype) for part in (arrays, batch, train_batch))
    state = {name: arrays.pop(name) for name in workload.initial_state}
    model = workload.import_model(arrays, state)
    del arrays  # they may be gigabytes
    placed, key = backend.place(batch), backend.key(np.zeros(2, np.uint32))
    logits, _ = backend.forward_pass(
        workload, model, placed, key, ForwardPassMode.EVAL, update_batch_norm=False
    )
    found |= _logits("eval", backend.fetch(logits))
    if isinstance(logits, tuple):
        rows = backend.decoded(logits)
        found["eval/decoded"] = golden_vectors.of_rows(np.trim_zeros(row, "b") for row in rows)
    for name in ("loss", *vectors.recorded["eval"].get("extra_losses", {})):
        loss = backend.fetch(_loss(workload, placed, logits, name))
        found |= _summaries(f"eval/{name}", _with_mean(loss))
    if vectors.metrics:
        values = workload.evaluate(*model, key, [batch])
        found |= _summaries("eval", {name: np.asarray(values[name]) for name in vectors.metrics})
    if golden_vectors.CORRECT_TOKENS[0] in vectors.recorded["eval"]:
        found |= _summaries("eval", _correct_tokens(backend.fetch(logits), batch))
    train = backend.training_pass(
        workload,
        model,
        backend.place(train_batch),
        key,
        dropout_rate=0.0,
        label_smoothing=0.0,
    )
    gradients = _summaries("gradient", train.gradients, paths)
    norm = math.sqrt(sum(summary.norm**2 for summary in gradients.values()))
    return golden_vectors.to_arrays(
        found
        | gradients
        | {"gradient_norm": golden_vectors.of_array(np.asarray(norm))}
        | _logits("train", train.logits)
        | _summaries("train/loss", _with_mean(train.loss))
        | _summaries("state", train.state, paths)
    )


def _filled(vectors: Vectors, path: str, shape: tuple[int, ...]) -> np.ndarray:
    return streams.filled(path, vectors.kind(path), shape, vectors.embedding_scale)


def _loss(workload: Any, batch: Any, logits: Any, name: str) -> Any:
    """The loss, or a file's other one: `no_mask`, or `label_smoothing_<number>`."""
    mask = None if name == "no_mask" else batch.get("weights")
    smoothing = name.removeprefix("label_smoothing_")
    rate = float(smoothing) if smoothing != name else 0.0
    return workload.loss_fn(batch["targets"], logits, mask, label_smoothing=rate)


def _correct_tokens(logits: np.ndarray, batch: Arrays) -> Arrays:
    """How many tokens count, and of how many of them the largest logit is right."""
    correct = (logits.argmax(-1) == batch["targets"]) * batch["weights"]
    sums = (correct.sum(), batch["weights"].sum())
    return dict(zip(golden_vectors.CORRECT_TOKENS, sums, strict=True))


def _with_mean(loss: Arrays) -> Arrays:
    return loss | {"mean": loss["summed"] / loss["n_valid_examples"]}


def _logits(prefix: str, logits: Any) -> dict[str, Summary]:
    """Logits; where these have paddings, too, with 0 at padded frames."""
    if not isinstance(logits, tuple):
        return _summaries(prefix, {"logits": logits})
    frames, paddings = logits
    unpadded = np.where(paddings[..., None] == 0, frames, 0)
    return _summaries(prefix, {"logits": unpadded, "logit_paddings": paddings})


def _summaries(
    prefix: str, arrays: Arrays, paths: dict[str, str] | None = None
) -> dict[str, Summary]:
    """Summaries by quantity; `paths` translates names."""
    return {
        f"{prefix}/{paths[name] if paths else name}": golden_vectors.of_array(array)
        for name, array in arrays.items()
    }
