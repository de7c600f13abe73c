"""Generated examples: schema, that they can be learned, and that only the seed decides."""

from typing import Any

import numpy as np
import pytest

from inputs import generated, pipeline
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload


def tiny(name: str, **changes: object) -> Workload:
    workload = Workload()
    workload.CopyFrom(loading.load_workload(f"tiny/{name}"))
    for field, value in changes.items():
        setattr(workload.dataset.generated, field, value)
    return workload


def train(workload: Workload) -> pipeline.Batch:
    source = generated.open_source(workload)
    return source.batch("train", np.arange(source.num_examples("train")), None)


def test_labels_of_graphs_come_from_their_edges_and_some_are_unknown() -> None:
    source = generated.open_source(tiny("ogbg", noise=0.0))
    indices = np.arange(source.num_examples("train")).reshape(2, -1)
    batch = source.batch("train", indices, None)
    inputs, known = batch["inputs"], batch["weights"][:, :-1]
    assert known.mean() == pytest.approx(0.6, abs=0.02)
    assert batch["targets"][batch["weights"] > 0].mean() == pytest.approx(0.5, abs=0.1)
    # Each edge counts twice, as it stands there in both directions.
    sums = np.zeros((2, 512, 6))
    for part, counts in enumerate(inputs["n_edge"]):
        ends = inputs["senders"][part], inputs["receivers"][part]
        around = inputs["nodes"][part][ends[0]] + inputs["nodes"][part][ends[1]]
        features = np.concatenate([around, inputs["edges"][part]], 1)
        graph = np.repeat(np.arange(len(counts)), counts)
        real = graph < 512
        np.add.at(sums[part], graph[real], features[real])
    signs = 2 * batch["targets"][:, :-1] - 1
    for label in range(4):
        rows, targets = sums[known[..., label] > 0], signs[..., label][known[..., label] > 0]
        weights = np.linalg.lstsq(rows, targets, rcond=None)[0]
        assert ((rows @ weights > 0) == (targets > 0)).mean() > 0.95


def test_images_are_told_apart_by_the_nearest_class_mean() -> None:
    batch = train(tiny("mnist"))
    flat, targets = batch["inputs"].reshape(len(batch["inputs"]), -1), batch["targets"]
    assert batch["inputs"].shape[1:] == (8, 8, 1) and targets.dtype == np.int32
    half = len(flat) // 2
    means = np.stack([flat[:half][targets[:half] == c].mean(0) for c in range(10)])
    nearest = np.argmin(((flat[half:, None] - means) ** 2).sum(-1), 1)
    assert np.mean(nearest == targets[half:]) > 0.9


def test_clicks_follow_from_the_features() -> None:
    batch = train(tiny("criteo1tb"))
    ids = batch["inputs"][:, 4:].astype(int)
    assert set(np.unique(batch["targets"])) == {0.0, 1.0}
    assert (ids >= 64).any(), "no id needs the modulo"
    features = np.concatenate([batch["inputs"][:, :4], np.zeros((len(ids), 64))], 1)
    for column in ids.T:
        features[np.arange(len(ids)), 4 + column % 64] += 1
    signs = 2 * batch["targets"] - 1
    weights = np.linalg.lstsq(features[:4096], signs[:4096], rcond=None)[0]
    assert np.mean((features[4096:] @ weights > 0) == (signs[4096:] > 0)) > 0.85


def test_reconstructions_can_be_improved_upon() -> None:
    batch = train(tiny("fastmri"))
    inputs, targets = batch["inputs"], batch["targets"]
    # A small blur removes more noise than it takes detail away.
    blurred = generated.blurred(inputs[..., None])[..., 0]
    assert np.abs(blurred - targets).mean() < np.abs(inputs - targets).mean()
    assert (batch["volume_max"] > batch["mean"]).all()


def test_translations_follow_a_dictionary_and_swap_neighbours() -> None:
    source = generated.open_source(tiny("wmt"))
    batch = source.batch("train_pairs", np.arange(source.num_examples("train_pairs")), None)
    words: dict[int, set[int]] = {}
    for inputs, targets in zip(batch["inputs"].tolist(), batch["targets"].tolist(), strict=True):
        size = inputs.index(2)
        assert targets.index(2) == size >= 3
        for place in range(size):
            other = min(place ^ 1, size - 1)
            words.setdefault(inputs[other], set()).add(targets[place])
    assert sorted(words) == list(range(3, 16))
    assert sorted(next(iter(found)) for found in words.values() if len(found) == 1) == sorted(words)


def test_translations_are_packed_for_training() -> None:
    source: Any = generated.open_source(tiny("wmt"))
    rows = source.batch("train", np.arange(source.num_examples("train")), None)
    pairs = source.batch("train_pairs", np.arange(source.num_examples("train_pairs")), None)
    assert rows["weights"].sum() == pairs["weights"].sum()
    assert rows["targets_segmentation"].max() > 1 and len(rows["inputs"]) < len(pairs["inputs"])
    assert source.text([5, 4, 2, 0]) == "w5 w4"


def test_splits_differ_and_the_seed_decides() -> None:
    source: Any = generated.open_source(tiny("mnist"))
    first = {
        split: source.batch(split, np.arange(3), None)["inputs"] for split in ("train", "test")
    }
    assert not np.array_equal(first["train"], first["test"])
    assert pipeline.data_sha256(tiny("mnist")) == source.sha256
    assert pipeline.data_sha256(tiny("mnist", seed=2)) != source.sha256


def test_only_what_is_asked_for_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    images = generated.images

    def counted(workload: Workload, split: str, count: int) -> pipeline.Batch:
        made.append(split)
        return images(workload, split, count)

    monkeypatch.setattr(generated, "images", counted)
    source: Any = generated.open_source(tiny("mnist"))
    assert made == []
    for _ in range(2):
        pipeline.train_batch(source, 0, 4, slice(None), 0)
    source.batch("test", np.arange(3), None)
    assert made == ["train", "test"]
    assert source.sha256 and made == ["train", "test", "validation"]


def test_bytes_are_the_same_on_every_machine() -> None:
    known = "5b9a4befce578fe7888533292b8d97260c5dc5f3586483f677ae67d2634708ac"
    assert pipeline.data_sha256(tiny("criteo1tb")) == known


def test_a_missing_schema_is_named() -> None:
    with pytest.raises(SpecError, match="schema"):
        generated.open_source(tiny("mnist", schema=0))


def test_a_data_set_without_reader_gives_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpecError, match="fastmri cannot be read yet"):
        pipeline.open_source(loading.load_workload("fastmri"))
