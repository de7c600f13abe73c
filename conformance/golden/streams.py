"""What golden vectors were measured on: parameters, state and batches made from named streams.

The recipe is that of the vectors' author: a stream is numpy's Philox generator, its key the CRC-32
of a text. Parameters are named by their official flattened JAX path.
"""

import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from inputs.graphs import UNKNOWN, Graphs, GraphSource
from spec.workload_pb2 import GraphPacking

Batch = dict[str, Any]  # numpy arrays, or tuples or dictionaries of them


def generator(text: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=zlib.crc32(text.encode())))


def normal(text: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal float32."""
    return generator(text).standard_normal(shape, dtype=np.float32)


def integers(text: str, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform int64 in [low, high)."""
    return generator(text).integers(low, high, size=shape)


def filled(
    path: str, kind: str, shape: tuple[int, ...], embedding_scale: float = 0.0
) -> np.ndarray:
    """A parameter or batch statistic of one of the recipe's kinds, float32.

    `embedding_scale` replaces 1/sqrt(width) of embeddings unless it is 0.

    Raises:
      ValueError: unknown kind.
    """
    x = normal(path, shape)
    scales = {
        "kernel": lambda: 1 / math.sqrt(math.prod(shape[:-1])),
        "kernel_qkv": lambda: 1 / math.sqrt(shape[0]),
        "embedding": lambda: embedding_scale or 1 / math.sqrt(shape[-1]),
    }
    if kind in scales:
        x *= np.float32(scales[kind]())
        return x
    tenth = np.float32(0.1)
    if kind in ("bias", "scale0", "bn_mean"):
        return tenth * x
    if kind == "scale1":
        return 1 + tenth * x
    if kind == "bn_var":
        return 1 + tenth * np.abs(x)
    raise ValueError(f"{path}: kind of fill is {kind!r}, which is none of the recipe's")


def batch(base: str) -> Batch:
    """The batch for all variants of a base workload.

    Raises:
      ValueError: there is no recipe for this workload.
    """
    if base not in BATCHES:
        raise ValueError(f"no recipe for the inputs of {base}; there are {', '.join(BATCHES)}")
    return BATCHES[base](base)


def train_batch(base: str) -> Batch:
    """The training batch: that for evaluation, but where the recipe has another."""
    return TRAIN_BATCHES.get(base, batch)(base)


def _clicks(base: str) -> Batch:
    dense = np.log1p(np.maximum(normal(f"{base}/dense", (4, 13)), 0) * np.float32(3))
    ids = integers(f"{base}/cat", 0, 2**24, (4, 26)).astype(np.float32)
    targets = integers(f"{base}/targets", 0, 2, (4,)).astype(np.float32)
    inputs = np.concatenate([dense, ids], 1)
    return {"inputs": inputs, "targets": targets, "weights": _weights(4)}


def _images(num_examples: int, shape: tuple[int, ...], num_classes: int) -> Callable[[str], Batch]:
    def make(base: str) -> Batch:
        targets = integers(f"{base}/targets", 0, num_classes, (num_examples,))
        return {
            "inputs": normal(f"{base}/inputs", (num_examples, *shape)),
            "targets": targets.astype(np.int32),
            "weights": _weights(num_examples),
        }

    return make


def _reconstructions(base: str) -> Batch:
    shape, tenth = (2, 320, 320), np.float32(0.1)
    return {
        "inputs": normal(f"{base}/inputs", shape),
        "targets": normal(f"{base}/targets", shape),
        "mean": tenth * normal(f"{base}/mean", (2,)),
        "std": 1 + tenth * np.abs(normal(f"{base}/std", (2,))),
        "volume_max": 6 + tenth * np.abs(normal(f"{base}/volume_max", (2,))),
        "weights": _weights(2),
    }


def _graphs(base: str) -> Batch:
    """Four graphs of as many edges as nodes, in one part."""
    num_nodes = integers(f"{base}/n_node", 5, 26, (4,))
    sized = list(enumerate(num_nodes.tolist()))

    def features(kind: str, high: int, width: int) -> np.ndarray:
        return np.concatenate(
            [integers(f"{base}/{kind}/{g}", 0, high, (n, width)) for g, n in sized]
        )

    def ends(kind: str) -> np.ndarray:
        return np.concatenate([integers(f"{base}/{kind}/{g}", 0, n, (n,)) for g, n in sized])

    labels = np.stack([integers(f"{base}/labels/{g}", 0, 2, (128,)) for g in range(4)])
    unknown = np.stack([generator(f"{base}/nan/{g}").random(128) < 0.4 for g in range(4)])
    graphs = Graphs(
        num_nodes=num_nodes,
        num_edges=num_nodes,
        nodes=features("nodes", 10, 9),
        edges=features("edges", 5, 3),
        ends=np.stack([ends("senders"), ends("receivers")], 1),
        labels=np.where(unknown, UNKNOWN, labels),
    )
    packing = GraphPacking(num_parts=1, nodes_per_graph=26, edges_per_graph=56)
    source = GraphSource(graphs, {"train": np.arange(4)}, packing, sha256="")
    return source.batch("train", np.arange(4)[None], None)


def _sentences(base: str) -> Batch:
    """Two unpacked pairs."""
    inputs = _tokens(f"{base}/inputs")
    targets = _tokens(f"{base}/targets")
    inputs[0, 50:] = 0
    targets[0, 45:] = 0
    targets[1, 60:] = 0
    return {"inputs": inputs, "targets": targets, "weights": (targets > 0).astype(np.float32)}


def _packed_sentences(base: str) -> Batch:
    """Two rows of three and two pairs."""
    result = {}
    for side, lengths in (
        ("inputs", ((20, 25, 10), (30, 34))),
        ("targets", ((18, 22, 15), (28, 32))),
    ):
        tokens = _tokens(f"{base}/train_{side}")
        positions, segments = np.zeros_like(tokens), np.zeros_like(tokens)
        for row, counts in enumerate(lengths):
            total = sum(counts)
            positions[row, :total] = np.concatenate([np.arange(n) for n in counts])
            segments[row, :total] = np.repeat(np.arange(len(counts)) + 1, counts)
        result[side] = np.where(segments > 0, tokens, 0)
        result |= {f"{side}_position": positions, f"{side}_segmentation": segments}
    return result | {"weights": (result["targets"] > 0).astype(np.float32)}


def _tokens(stream: str) -> np.ndarray:
    return integers(stream, 1, 32000, (2, 64)).astype(np.int32)


def _speech(base: str) -> Batch:
    """Two utterances of ten seconds, the second padded from 100,000 samples on."""
    audio = np.float32(3276.8) * normal(f"{base}/inputs", (2, 160_000))
    paddings = np.zeros_like(audio)
    audio[1, 100_000:], paddings[1, 100_000:] = 0, 1
    tokens = integers(f"{base}/targets", 1, 1024, (2, 64)).astype(np.int32)
    token_paddings = (np.arange(64) >= np.array([[40], [25]])).astype(np.float32)
    tokens[token_paddings == 1] = 0
    return {"inputs": (audio, paddings), "targets": (tokens, token_paddings)}


def _weights(num_examples: int) -> np.ndarray:
    """Ones; in a batch of four the last example does not count."""
    weights = np.ones(num_examples, np.float32)
    weights[3:] = 0
    return weights


BATCHES: dict[str, Callable[[str], Batch]] = {
    "criteo1tb": _clicks,
    "fastmri": _reconstructions,
    "imagenet_resnet": _images(4, (224, 224, 3), 1000),
    "imagenet_vit": _images(2, (224, 224, 3), 1000),
    "mnist": _images(4, (28, 28, 1), 10),
    "cifar": _images(4, (32, 32, 3), 10),
    "ogbg": _graphs,
    "wmt": _sentences,
    "librispeech_conformer": _speech,
    "librispeech_deepspeech": _speech,
}
TRAIN_BATCHES: dict[str, Callable[[str], Batch]] = {"wmt": _packed_sentences}
