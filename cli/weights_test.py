"""Whole models, as the PyTorch backend declares them, to official arrays and back; the command."""

import collections
import functools
import math
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from backends.pytorch.workload import Workload
from cli import main, parameters
from spec import loading
from spec.interface import ForwardPassMode
from spec.loading import SpecError
from spec.official import arrays
from spec.parameter_pb2 import Parameter
from spec.workload_pb2 import Workload as Message

TINY = [name for name in loading.names("workloads") if name.startswith("tiny/")]

# Of the official PyTorch models: tensors that are parameters, and values in them.
VARIANTS = {
    "criteo1tb_embed_init": (20, 539_267_457),
    "criteo1tb_layernorm": (36, 539_275_137),
    "criteo1tb_resnet": (20, 538_121_473),
    "criteo1tb_test": (20, 10_785_153),
    "fastmri_layernorm": (60, 7_761_985),
    "fastmri_model_size": (19, 7_692_929),
    "imagenet_vit_glu": (224, 50_452_456),
    "imagenet_vit_map": (213, 23_896_552),
    "imagenet_vit_post_ln": (198, 22_121_704),
    "librispeech_conformer_layernorm": (130, 32_317_696),
    "librispeech_deepspeech_norm_and_spec_aug": (80, 18_392_576),
    "librispeech_deepspeech_no_resnet": (82, 18_393_600),
    "ogbg_model_size": (78, 2_571_648),
    "wmt_glu_tanh": (179, 146_116_608),
    "wmt_post_ln": (151, 133_517_312),
}
# Names that only a variant has.
OWN_NAMES = {
    "criteo1tb_layernorm": [
        "embed_ln.bias",
        "bot_mlp.8.weight",
        "top_mlp.11.bias",
        "top_mlp.13.bias",
    ],
    "criteo1tb_resnet": ["bot_mlp.2.module.0.bias", "top_mlp.4.module.0.weight"],
    "fastmri_layernorm": ["up_conv.3.0.conv_layers.5.bias", "conv.conv_layers.1.weight"],
    "fastmri_model_size": ["up_conv.2.1.bias", "up_conv.2.0.conv_layers.4.weight"],
    "imagenet_vit_glu": ["encoder.net.11.mlp3.glu_linear.weight"],
    "imagenet_vit_map": ["map.probe", "map.mha.kv_proj.bias", "map.layer_norm.weight"],
    "librispeech_deepspeech_norm_and_spec_aug": ["ffns.2.normalization_layer.scale"],
    "wmt_glu_tanh": ["decoder.decoder.layers.5.linear_glu.bias"],
}


@functools.cache
def model(name: str, form: str) -> tuple[list[Parameter], list[arrays.Tensors]]:
    workload = loading.load_workload(name)
    listed = parameters.of_workload(workload)
    known = arrays.with_statistics(listed)
    return known, arrays.official_tensors(workload.model, listed, form)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_have_the_official_names(name: str) -> None:
    _, held = model(name, "pytorch")
    shapes = {
        n: s
        for n, s in arrays.shapes(held).items()
        if not n.endswith(("running_mean", "running_var"))
    }
    assert (len(shapes), sum(map(math.prod, shapes.values()))) == VARIANTS[name]
    assert set(OWN_NAMES.get(name, [])) <= shapes.keys()


@pytest.mark.parametrize("name", ["tiny/imagenet_resnet", "tiny/librispeech_deepspeech"])
def test_statistics_follow_from_the_parameters(name: str) -> None:
    workload = Workload(loading.load_workload(name), "v0.6")
    known, _ = model(name, "jax")
    statistics = {p.name: tuple(p.shape) for p in known[len(workload.parameters) :]}
    assert statistics == {n: a.shape for n, a in workload.initial_state.items()}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(TINY), st.sampled_from(arrays.FORMATS), st.integers(0, 2**32 - 1))
def test_every_tiny_model_comes_back_to_the_bit(name: str, form: str, seed: int) -> None:
    known, held = model(name, form)
    rng = np.random.default_rng(seed)
    canonical = {
        p.name: np.frombuffer(rng.bytes(4 * math.prod(p.shape)), np.float32).reshape(tuple(p.shape))
        for p in known
    }
    official = arrays.to_official(held, canonical)
    assert {n: a.shape for n, a in official.items()} == arrays.shapes(held)
    back = arrays.from_official(held, official)
    assert back.keys() == canonical.keys()
    for p in known:
        assert back[p.name].shape == tuple(p.shape)
        assert back[p.name].tobytes() == canonical[p.name].tobytes(), p.name


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The arrays of a checkpoint of `tiny/mnist`, with something that is no parameter."""
    known, _ = model("tiny/mnist", "jax")
    rng = np.random.default_rng(0)
    canonical = {f"params.{p.name}": rng.standard_normal(tuple(p.shape), np.float32) for p in known}
    path = tmp_path / "arrays.safetensors"
    safetensors.numpy.save_file(canonical | {"generators.0": np.zeros(3, np.uint8)}, path)
    return path


def convert(command: str, source: Path, target: Path, form: str, name: str = "tiny/mnist") -> int:
    options = ["--workload", name, "--format", form, "--out", str(target)]
    return main.main(["weights", command, str(source), *options])


@pytest.mark.parametrize("form", arrays.FORMATS)
def test_export_and_import(form: str, checkpoint: Path, tmp_path: Path) -> None:
    official, back = tmp_path / "official.safetensors", tmp_path / "back.safetensors"
    assert convert("export", checkpoint, official, form) == 0
    assert convert("import", official, back, form) == 0
    before = safetensors.numpy.load_file(checkpoint)
    after = safetensors.numpy.load_file(back)
    assert after.keys() == before.keys() - {"generators.0"}
    for name, array in after.items():
        assert array.tobytes() == before[name].tobytes()


def test_statistics_of_a_checkpoint_keep_their_place(tmp_path: Path) -> None:
    workload = Workload(loading.load_workload("tiny/cifar"), "v0.6")
    state = {f"model_state.{n}": a for n, a in workload.initial_state.items()}
    params = {f"params.{p.name}": np.ones(tuple(p.shape), np.float32) for p in workload.parameters}
    ours, official, back = (tmp_path / name for name in ("ours", "official", "back"))
    safetensors.numpy.save_file(params | state, ours)
    assert convert("export", ours, official, "pytorch", "tiny/cifar") == 0
    assert "bn1.running_var" in safetensors.numpy.load_file(official)
    assert convert("import", official, back, "pytorch", "tiny/cifar") == 0
    assert safetensors.numpy.load_file(back).keys() == params.keys() | state.keys()


def test_a_plain_pytorch_model_takes_what_was_exported(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "official.safetensors"
    assert convert("export", checkpoint, out, "pytorch") == 0
    tensors = {n: torch.from_numpy(a) for n, a in safetensors.numpy.load_file(out).items()}
    config = loading.load_workload("tiny/mnist").model.mlp
    layers = {
        "layer1": nn.Linear(config.image_size**2, config.width),
        "sigmoid": nn.Sigmoid(),
        "layer2": nn.Linear(config.width, config.num_classes),
    }
    plain = nn.Sequential()
    plain.add_module("net", nn.Sequential(collections.OrderedDict(layers)))
    plain.load_state_dict(tensors)
    workload = Workload(loading.load_workload("tiny/mnist"), "v0.6")
    canonical = safetensors.numpy.load_file(checkpoint)
    ours, _ = workload.import_model(
        {p.name: canonical[f"params.{p.name}"] for p in workload.parameters}, {}
    )
    images = torch.randn(3, config.image_size, config.image_size, 1)
    logits, _ = workload.model_fn(
        ours, {"inputs": images}, None, ForwardPassMode.EVAL, np.zeros(2, np.uint32), False
    )
    torch.testing.assert_close(plain(images.flatten(1)), logits, rtol=1e-6, atol=1e-6)


def test_an_lstm_with_two_biases_becomes_one_with_their_sum() -> None:
    name = "tiny/librispeech_deepspeech"
    known, held = model(name, "pytorch")
    workload = Workload(loading.load_workload(name), "v0.6")
    width = loading.load_workload(name).model.deepspeech.width
    plain = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)
    official = {n: np.ones(shape, np.float32) for n, shape in arrays.shapes(held).items()}
    official |= {f"lstms.0.lstm.{n}": p.detach().numpy() for n, p in plain.named_parameters()}
    canonical = arrays.from_official(held, official)
    state = {n: canonical[n] for n in workload.initial_state}
    ours, _ = workload.import_model({p.name: canonical[p.name] for p in known}, state)
    frames = torch.randn(2, 5, width)
    expected, _ = plain(frames)
    found = ours.get_submodule("recurrent.0.lstm")(frames, torch.tensor([5, 5]))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_a_file_of_another_model_is_refused_with_all_differences(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = safetensors.numpy.load_file(checkpoint)
    whole["params.hidden.bias"] = whole["params.hidden.bias"].astype(np.float64)
    whole["params.tail.bias"] = whole.pop("params.head.bias")
    safetensors.numpy.save_file(whole, checkpoint)
    out = tmp_path / "new.safetensors"
    assert convert("export", checkpoint, out, "jax") == 2
    error = capsys.readouterr().err
    assert "params.head.bias is missing; " in error
    assert "params.hidden.bias is of type F64, expected F32" in error
    assert "params.tail.bias is unknown" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_what_is_no_safetensors_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pickled = tmp_path / "official.pt"
    torch.save({"net.layer1.weight": torch.zeros(3)}, pickled)
    for source in (pickled, tmp_path / "nothing", tmp_path):
        assert convert("import", source, tmp_path / "new", "pytorch") == 2
        assert "not a safetensors file that can be read" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["official.pt"]


def test_nothing_is_written_over(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkpoint.read_bytes()
    assert convert("export", checkpoint, checkpoint, "jax") == 2
    assert "exists; choose another name" in capsys.readouterr().err
    assert checkpoint.read_bytes() == before


def test_a_workload_without_a_model() -> None:
    with pytest.raises(SpecError, match="workload w has no model"):
        parameters.of_workload(Message(name="w"))
