"""Speech layers and models in PyTorch: known answers, padding, the LSTM's tensors."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from backends.pytorch import losses, speech
from backends.pytorch.layers import Pass
from backends.pytorch.models import deepspeech
from backends.pytorch.workload import Workload
from inputs import pipeline
from spec import loading, log_mel, rng
from spec.interface import ForwardPassMode
from spec.models_pb2 import SpecAugment

EVAL = Pass(train=False)
TINY = ("tiny/librispeech_conformer", "tiny/librispeech_deepspeech")


def filled(module: Any, seed: int = 0) -> Any:
    """The module with its constants, and normal numbers of a tenth in its parameters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
        for part in module.modules():
            for name, value in getattr(part, "constants", {}).items():
                getattr(part, name).copy_(torch.as_tensor(value))
    return module


def test_log_mel_features_of_two_tones() -> None:
    # Measured on the official implementation.
    times = np.arange(16_000)
    wave = torch.zeros(1, 320_000)
    tones = (8000, 440), (2000, 3000)
    sines = (a * np.sin(2 * np.pi * f * times / 16_000) for a, f in tones)
    wave[0, :16_000] = torch.as_tensor(np.round(sum(sines)))
    paddings = (torch.arange(320_000) >= 16_000).float()[None]
    features, padded = filled(speech.LogMelFeatures())(wave, paddings)
    assert features.shape == (1, 1998, 80) and int((1 - padded).sum()) == 100
    places = ([0, 0, 50, 50, 99, 98, 100, 1997], [10, 40, 11, 55, 10, 79, 0, 79])
    expected = [2.31892, -1.51203, 2.25194, -1.43645, 1.74838, 0.35592, -1.13763, -1.33270]
    np.testing.assert_allclose(features[0].numpy()[places], expected, atol=1e-4)
    np.testing.assert_allclose(features[0, :100].mean(), -0.859029, atol=1e-5)


def test_spec_augment_by_hand() -> None:
    config = SpecAugment(num_time_masks=1, max_time_ratio=0.5, num_frequency_masks=1, max_bins=5)
    module = speech.SpecAugment(config)
    module.site = "here"
    paddings = (torch.arange(12) >= 8).float()[None]
    # Time: trunc(4 * 0.8) = 3 frames from trunc(0.5 * (8 - 3 + 1)) = 3 on; bins: 2 from 4 on.
    how = Pass(train=True, uniform=lambda *_: torch.tensor([[[0.8, 0.5]], [[0.5, 0.9]]]))
    x = torch.ones(1, 12, 6)
    found = module(x, paddings, how)[0].numpy()
    np.testing.assert_array_equal(np.flatnonzero(found.sum(1) == 0), [3, 4, 5])
    np.testing.assert_array_equal(np.flatnonzero(found.sum(0) == 0), [4, 5])
    np.testing.assert_array_equal(module(x, paddings, EVAL), x)
    torch.manual_seed(0)
    assert 0 < module(x, paddings, Pass(train=True)).sum() < x.sum()


def test_masked_batch_norm_counts_valid_frames() -> None:
    norm: Any = speech.MaskedBatchNorm(1, decay=0.9, epsilon=0.0)
    x = torch.tensor([[[1.0], [3.0], [99.0]]])  # of the valid ones the mean is 2, the variance 1
    paddings = torch.tensor([[0.0, 0.0, 1.0]])
    how = Pass(train=True, update_batch_norm=True)
    with torch.no_grad():
        for tensor, value in (
            (norm.weight, 1.0),
            (norm.bias, 0.5),
            (norm.running_mean, 10.0),
            (norm.running_var, 4.0),
        ):
            tensor.fill_(value)
        np.testing.assert_allclose(norm(x, paddings, EVAL)[0, :, 0], [-8.5, -6.5, 0])
        np.testing.assert_allclose(norm(x, paddings, how)[0, :, 0], [-1.5, 2.5, 0], rtol=1e-6)
    np.testing.assert_allclose(norm.running_mean, [9.2], rtol=1e-6)
    np.testing.assert_allclose(norm.running_var, [3.7], rtol=1e-6)


def test_the_lstm_has_one_bias_and_can_be_copied() -> None:
    lstm = filled(deepspeech.BidirectionalLstm(3, 4))
    assert isinstance(lstm, torch.nn.LSTM)
    assert sorted(name for name, _ in lstm.named_parameters()) == sorted(
        f"{name}_l0{suffix}"
        for name in ("weight_ih", "weight_hh", "bias_hh")
        for suffix in ("", "_reverse")
    )
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    found = lstm(x, lengths)
    assert (found[1, 3:] == 0).all() and (found[1, :3] != 0).all()
    np.testing.assert_array_equal(copy.deepcopy(lstm)(x, lengths).detach(), found.detach())
    alone = lstm(x[1:, :3], torch.tensor([3]))
    np.testing.assert_allclose(alone[0].detach(), found[1, :3].detach(), atol=1e-6)


def test_a_tensor_of_an_lstm_holds_its_gates_one_behind_the_other() -> None:
    workload = Workload(loading.load_workload(TINY[1]), "v0.6")
    model, state = workload.init_model_fn(rng.key_words(0, "model"))
    params, statistics = workload.export_model(model, state)
    held = dict(model.named_parameters())["recurrent.0.lstm.weight_ih_l0_reverse"].detach()
    gates = [params[f"recurrent.0.lstm.backward.input_{gate}.kernel"].T for gate in "ifgo"]
    np.testing.assert_array_equal(held, np.concatenate(gates))
    assert workload.param_shapes["recurrent.0.lstm.weight_ih_l0"].shape_tuple == (32, 16)
    again, _ = workload.export_model(*workload.import_model(params, statistics))
    assert list(again) == [p.name for p in workload.parameters]
    for name, array in params.items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize("name", TINY)
def test_logits_do_not_depend_on_the_amount_of_padding(name: str) -> None:
    message = loading.load_workload(name)
    message = type(message).FromString(message.SerializeToString())
    family = getattr(message.model, str(message.model.WhichOneof("family")))
    family.num_samples = 20_000
    workload = Workload(message, "v0.6")
    model, state = workload.init_model_fn(rng.key_words(0, "model"))
    batch = next(pipeline.TrainBatches(loading.load_workload(name), 0, 4))
    audio, paddings = (array[:, :3840] for array in batch["inputs"])
    # Four frames of padding make one of the output's.
    more = 4 * 4 * log_mel.HOP

    def padded(extra: int) -> Any:
        ends = (0, 0), (0, 1600 + extra)
        arrays = np.pad(audio, ends), np.pad(paddings, ends, constant_values=1)
        inputs = {"inputs": tuple(map(torch.as_tensor, arrays))}
        key = rng.key_words(0, "a")
        return workload.model_fn(model, inputs, state, ForwardPassMode.EVAL, key, False)[0]

    short, short_paddings = padded(0)
    long, long_paddings = padded(more)
    assert long.shape[1] == short.shape[1] + 4
    assert (1 - long_paddings).sum() == (1 - short_paddings).sum()
    for row, length in enumerate((1 - short_paddings).sum(1).long()):
        np.testing.assert_allclose(short[row, :length], long[row, :length], rtol=1e-4, atol=1e-5)


def test_ctc_by_hand() -> None:
    logits = torch.log(torch.tensor([[[0.5, 0.3, 0.2], [0.6, 0.1, 0.3]]]))
    paddings = torch.zeros(1, 2)

    def loss(tokens: list[int]) -> float:
        labels = torch.tensor([tokens]), torch.zeros(1, len(tokens))
        return float(losses.ctc(labels, (logits, paddings), 0.0)[0])

    np.testing.assert_allclose(loss([1]), -np.log(0.3 * 0.6 + 0.5 * 0.1 + 0.3 * 0.1), rtol=1e-6)
    np.testing.assert_allclose(loss([1, 2]), -np.log(0.3 * 0.3), rtol=1e-6)
    assert loss([1, 1]) == losses.INFEASIBLE  # needs a blank between
