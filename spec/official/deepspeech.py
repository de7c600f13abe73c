"""Official names of spec/models.proto, `DeepSpeech`."""

from collections.abc import Iterator

from spec.declarations import LSTM_GATES
from spec.models_pb2 import DeepSpeech
from spec.official.speech import subsampling


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
