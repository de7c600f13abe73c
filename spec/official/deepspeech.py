"""Official names of spec/models.proto, `DeepSpeech`."""

from collections.abc import Iterator

from spec.declarations import LSTM_GATES
from spec.models_pb2 import DeepSpeech
from spec.official.speech import pytorch_norm, pytorch_subsampling, subsampling


def jax_names(config: DeepSpeech) -> Iterator[tuple[str, str]]:
    yield from subsampling()
    for number in range(config.num_lstm_layers):
        ours, official = f"recurrent.{number}", f"BatchRNN_{number}"
        yield from _norm(ours, official)
        for place, direction in enumerate(("forward", "backward")):
            cell = f"{official}/LSTM_0/LSTM/LSTMSequenceEncoder_{place}/cell"
            for gate in LSTM_GATES:
                yield f"{ours}.lstm.{direction}.input_{gate}", f"{cell}/i{gate}"
                yield f"{ours}.lstm.{direction}.hidden_{gate}", f"{cell}/h{gate}"
    for number in range(config.num_dense_layers):
        ours, official = f"dense.{number}", f"FeedForwardModule_{number}"
        yield from _norm(ours, official)
        yield f"{ours}.dense", f"{official}/Dense_0"
    yield "layernorm", "LayerNorm_0"
    yield "head", "Dense_0"


def _norm(ours: str, official: str) -> Iterator[tuple[str, str]]:
    yield f"{ours}.norm.batchnorm", f"{official}/BatchNorm_0"
    yield f"{ours}.norm.layernorm", f"{official}/LayerNorm_0"


def pytorch_names(config: DeepSpeech) -> Iterator[tuple[str, str]]:
    yield from pytorch_subsampling("lin")
    for number in range(config.num_lstm_layers):
        ours, official = f"recurrent.{number}", f"lstms.{number}"
        yield from _pytorch_norm(ours, official)
        for direction, suffix in (("forward", "l0"), ("backward", "l0_reverse")):
            cell, held = f"{ours}.lstm.{direction}", f"{official}.lstm"
            biases = f"{held}.bias_hh_{suffix} + {held}.bias_ih_{suffix}"
            for gate in LSTM_GATES:
                yield f"{cell}.input_{gate}.kernel", f"{held}.weight_ih_{suffix}"
                yield f"{cell}.hidden_{gate}.kernel", f"{held}.weight_hh_{suffix}"
                yield f"{cell}.hidden_{gate}.bias", biases
    for number in range(config.num_dense_layers):
        ours, official = f"dense.{number}", f"ffns.{number}"
        yield from _pytorch_norm(ours, official)
        yield f"{ours}.dense", f"{official}.lin"
    yield from pytorch_norm("layernorm", "ln")
    yield "head", "lin"


def _pytorch_norm(ours: str, official: str) -> Iterator[tuple[str, str]]:
    yield f"{ours}.norm.batchnorm", f"{official}.bn_normalization_layer"
    yield from pytorch_norm(f"{ours}.norm.layernorm", f"{official}.normalization_layer")
