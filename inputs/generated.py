"""Source `generated`: examples of the schema of a real data set, made by the specification's
generator, with something to learn.

* IMAGES: each class has a smooth image of its own; an example is its class's image plus noise.
* CLICKS: dense features and ids each carry a hidden weight; a click is a positive sum plus noise.
* RECONSTRUCTIONS: a smooth image is the target; the input is the same, blurred, plus noise.
* GRAPHS: a label is known by a sum over edges, of hidden weights of the edge and of its two nodes.
* TRANSLATION: every word has one word of the other language, and neighbours change places in pairs.
* SPEECH: tones that stand for digits, and their words; see inputs/generated_speech.py.

Everything is additions, multiplications and comparisons of float64, rounded once, so that the same
bytes come out on every machine.
"""

import dataclasses
import functools
import hashlib

import numpy as np

from inputs import generated_speech, pipeline, sentence_rows
from inputs.drawing import integers, normal, uniform
from inputs.graphs import UNKNOWN, Graphs, GraphSource
from inputs.pipeline import Batch, map_arrays, named_arrays
from spec import rng
from spec.loading import SpecError
from spec.workload_pb2 import Generated as Message
from spec.workload_pb2 import Workload

COARSE = 4  # sides of the grid of random numbers behind a smooth image
MOST_NODES = 10
FRACTION_UNKNOWN = 0.4  # of the labels of graphs
IDS_PER_ROW = 4  # ids of a feature that share a row of the table, on average
FIRST_WORD = 3  # after the tokens that fill up, begin and end a sentence
PAIRS = "train_pairs"  # the split of unpacked training pairs of sentences
PAIRS_PER_GROUP = 256  # sentence pairs that are packed together


def open_source(workload: Workload) -> pipeline.Source:
    if workload.dataset.generated.schema == Message.GRAPHS:
        return graphs(workload)
    return Generated(workload)


class Generated:
    """All splits, each made when it is first asked for and then held in memory."""

    noise_size = 0

    def __init__(self, workload: Workload):
        self._workload = workload
        schema = workload.dataset.generated.schema
        make = {
            Message.IMAGES: images,
            Message.CLICKS: clicks,
            Message.RECONSTRUCTIONS: reconstructions,
            Message.TRANSLATION: translations,
            Message.SPEECH: generated_speech.utterances,
        }.get(schema)
        if make is None:
            raise SpecError(f"workload {workload.name}: dataset.generated.schema is not set")
        self._make = make
        self._is_speech = schema == Message.SPEECH
        self._names = ["train", "validation", "test"]
        if schema == Message.TRANSLATION:
            self.eval_train_split = PAIRS
            self._names.append(PAIRS)
        self._made: dict[str, Batch] = {}

    @functools.cached_property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for name in self._names:
            for _, array in sorted(named_arrays(self._split(name)).items()):
                digest.update(array.tobytes())
        return digest.hexdigest()

    def num_examples(self, split: str) -> int:
        return len(next(iter(named_arrays(self._split(split)).values())))

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        return map_arrays(lambda array: array[indices], self._split(split))

    def _split(self, name: str) -> Batch:
        if name not in self._made:
            self._made[name] = self._generated(name)
        return self._made[name]

    def _generated(self, name: str) -> Batch:
        if name == "train" and PAIRS in self._names:
            return packed(self._split(PAIRS))
        split = "train" if name == PAIRS else name
        return self._make(self._workload, split, getattr(self._workload.splits, split))

    def text(self, ids: list[int]) -> str:
        """The text of tokens, but those for filling, for a begin and for an end."""
        if self._is_speech:
            return generated_speech.text(ids)
        return " ".join(f"w{i}" for i in ids if i >= FIRST_WORD)


def images(workload: Workload, split: str, count: int) -> Batch:
    """Images float32 [count, side, side, channels] and classes int32 [count]."""
    config = getattr(workload.model, str(workload.model.WhichOneof("family")))
    side, channels = config.image_size, config.num_channels
    coarse = normal(workload, "patterns", (config.num_classes, *_coarse(channels)))
    targets = integers(workload, f"{split}/targets", config.num_classes, (count,))
    present, which = np.unique(targets, return_inverse=True)
    noise = normal(workload, f"{split}/noise", (count, side, side, channels))
    inputs = smooth(coarse[present], side)[which] + workload.dataset.generated.noise * noise
    return {"inputs": inputs.astype(np.float32), "targets": targets.astype(np.int32)}


def clicks(workload: Workload, split: str, count: int) -> Batch:
    """Dense features and ids float32 [count, dense + categorical], clicks float32 [count]."""
    config = workload.model.dlrm
    dense = np.maximum(normal(workload, f"{split}/dense", (count, config.num_dense)), 0)
    rows = config.vocabulary_size
    shape = (count, config.num_categorical)
    ids = integers(workload, f"{split}/ids", IDS_PER_ROW * rows, shape)
    of_dense = normal(workload, "weights/dense", (config.num_dense,))
    touched, which = np.unique(ids % rows, return_inverse=True)
    of_row = rng.normal_quantile(uniform(workload, "weights/ids", (rows,))[touched])
    noise = workload.dataset.generated.noise * normal(workload, f"{split}/noise", (count,))
    score = _row_sums(dense * of_dense) + _row_sums(of_row[which.reshape(shape)]) + noise
    inputs = np.concatenate([dense, ids], 1).astype(np.float32)
    return {"inputs": inputs, "targets": (score > 0).astype(np.float32)}


def reconstructions(workload: Workload, split: str, count: int) -> Batch:
    """Images float32 [count, side, side] under `inputs` and `targets`; `mean`, `std` and
    `volume_max` float32 [count] that give intensities back.
    """
    side = workload.model.unet.image_size
    targets = smooth(normal(workload, f"{split}/images", (count, *_coarse(1))), side)[..., 0]
    noise = normal(workload, f"{split}/noise", (count, side, side))
    inputs = blurred(blurred(targets)) + workload.dataset.generated.noise * noise
    std = 1 + uniform(workload, f"{split}/std", (count,))
    mean = 4 * std
    highest = mean + std * np.abs(targets).max((1, 2))
    batch = {"inputs": inputs, "targets": targets, "mean": mean, "std": std, "volume_max": highest}
    return {name: array.astype(np.float32) for name, array in batch.items()}


def graphs(workload: Workload) -> GraphSource:
    """Graphs of 3 to MOST_NODES nodes and as many edges: each node but the first has an edge to one
    before it, and the first to any.
    """
    config, options, splits = workload.model.gnn, workload.dataset.generated, workload.splits
    counts = [splits.train, splits.validation, splits.test]
    num_graphs = sum(counts)
    num_nodes = 3 + integers(workload, "sizes", MOST_NODES - 2, (num_graphs,))
    graph = np.repeat(np.arange(num_graphs), num_nodes)
    start = (np.cumsum(num_nodes) - num_nodes)[graph]
    number = np.arange(len(graph)) - start
    choices = np.where(number == 0, num_nodes[graph], number)
    other = (uniform(workload, "ends", number.shape) * choices).astype(np.int64)
    nodes = integers(workload, "nodes", 5, (len(graph), config.num_node_features)) - 2
    edges = integers(workload, "edges", 3, (len(graph), config.num_edge_features)) - 1
    of_nodes = normal(workload, "weights/nodes", (config.num_tasks, config.num_node_features))
    of_edges = normal(workload, "weights/edges", (config.num_tasks, config.num_edge_features))
    around = nodes + nodes[start + other]  # of an edge, which has the number of its first node
    scores = options.noise * normal(workload, "noise", (num_graphs, config.num_tasks))
    for task in range(config.num_tasks):
        terms = _row_sums(around * of_nodes[task]) + _row_sums(edges * of_edges[task])
        scores[:, task] += np.bincount(graph, terms)
    unknown = uniform(workload, "unknown", scores.shape) < FRACTION_UNKNOWN
    made = Graphs(
        num_nodes=num_nodes,
        num_edges=num_nodes,
        nodes=nodes,
        edges=edges,
        ends=np.stack([number, other], 1),
        labels=np.where(unknown, UNKNOWN, scores > 0),
    )
    digest = hashlib.sha256()
    for field in dataclasses.fields(made):
        digest.update(getattr(made, field.name).tobytes())
    of_split = np.split(np.arange(num_graphs), np.cumsum(counts)[:-1])
    members = dict(zip(("train", "validation", "test"), of_split, strict=True))
    return GraphSource(made, members, options.packing, digest.hexdigest())


def translations(workload: Workload, split: str, count: int) -> Batch:
    """Pairs of sentences, one a row: `inputs` and `targets` int32 [count, length], each 3 words up
    to half a row, an end token and zeros; and `weights`.
    """
    config = workload.model.transformer_mt
    num_words, longest = config.vocabulary_size - FIRST_WORD, config.max_length // 2
    order = np.argsort(uniform(workload, "dictionary", (num_words,)), kind="stable")
    words = integers(workload, f"{split}/words", num_words, (count, longest))
    lengths = 3 + integers(workload, f"{split}/lengths", longest - 2, (count, 1))
    place = np.arange(longest)[None]
    neighbour = np.minimum(place ^ 1, lengths - 1)  # an odd word at the end stays where it is
    other = np.take_along_axis(order[words], np.clip(neighbour, 0, longest - 1), 1)
    batch = {}
    for name, sentence in (("inputs", words), ("targets", other)):
        tokens = np.zeros((count, config.max_length), np.int32)
        tokens[:, :longest] = np.where(place < lengths, sentence + FIRST_WORD, 0)
        np.put_along_axis(tokens, lengths, config.end_token, 1)
        batch[name] = tokens
    return batch | {"weights": (batch["targets"] > 0).astype(np.float32)}


def packed(batch: Batch) -> Batch:
    """All pairs of a batch of unpacked ones, packed."""
    length = batch["inputs"].shape[1]
    pairs = {}
    for side in ("inputs", "targets"):
        sizes = np.count_nonzero(batch[side], 1)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        pairs[side] = sentence_rows.Sentences(batch[side][batch[side] != 0], starts)
    lengths = {side: of_side.lengths for side, of_side in pairs.items()}
    bounds = sentence_rows.greedy_rows(list(lengths.values()), length, PAIRS_PER_GROUP)
    return sentence_rows.packed(pairs, lengths, bounds, np.arange(len(bounds) - 1), length)


def smooth(coarse: np.ndarray, side: int) -> np.ndarray:
    """[B, COARSE, COARSE, C] -> [B, side, side, C]: enlarged by repetition, then blurred."""
    places = np.arange(side) * COARSE // side
    return blurred(blurred(coarse[:, places][:, :, places]))


def blurred(x: np.ndarray) -> np.ndarray:
    """Each pixel of [B, H, W, ...] averaged with its neighbours (1, 2, 1) along both axes; round
    the edges the image goes on at the other side.
    """
    for axis in (1, 2):
        x = (np.roll(x, 1, axis) + 2 * x + np.roll(x, -1, axis)) / 4
    return x


def _row_sums(x: np.ndarray) -> np.ndarray:
    """Sums over the last axis from left to right: numpy's own order depends on the machine."""
    total = np.zeros(len(x))
    for column in x.T:
        total = total + column
    return total


def _coarse(channels: int) -> tuple[int, int, int]:
    return COARSE, COARSE, channels
