"""A third backend, as small as one can be: perceptrons in NumPy.

    python -m conformance.testee.testee_numpy

answers `forward` and `metrics` about workloads of the family `mlp`. It shows what a backend must
provide, and that the runner and the cases assume nothing of a framework (docs/conformance.md). The
gradient is written out by hand.

Dimensions: B batch, P pixels, W width, C classes.
"""

from typing import Any

import numpy as np

from conformance.arrays import Arrays, cast, named
from conformance.testee import serving
from conformance.testee.filling import filled_parameter
from inputs import pipeline
from spec import loading
from spec import metrics as spec_metrics
from spec.models_pb2 import SIGMOID, Mlp
from spec.parameter_pb2 import BIAS, WEIGHT, Parameter
from spec.workload_pb2 import Workload


def declared(config: Mlp) -> list[Parameter]:
    """Names, shapes and fans; the laws of first values are not needed here."""
    pixels = config.image_size**2 * config.num_channels
    sizes = {"hidden": (pixels, config.width), "head": (config.width, config.num_classes)}
    return [
        parameter
        for name, (fan_in, fan_out) in sizes.items()
        for parameter in (
            Parameter(
                name=f"{name}.kernel",
                type=WEIGHT,
                shape=(fan_in, fan_out),
                fan_in=fan_in,
                fan_out=fan_out,
            ),
            Parameter(name=f"{name}.bias", type=BIAS, shape=(fan_out,)),
        )
    ]


def logits_of(params: Arrays, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hidden activations [B, W] and logits [B, C] of images [B, height, width, channels]."""
    x_BP = images.reshape(len(images), -1)
    hidden_BW = 1 / (1 + np.exp(-(x_BP @ params["hidden.kernel"] + params["hidden.bias"])))
    return hidden_BW, hidden_BW @ params["head.kernel"] + params["head.bias"]


def log_softmax(logits_BC: np.ndarray) -> np.ndarray:
    shifted = logits_BC - logits_BC.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def cross_entropy(logits_BC: np.ndarray, targets_BC: np.ndarray, weights: np.ndarray) -> Arrays:
    """The entries of a loss, of rows with weight 0 nothing."""
    per_example = -(targets_BC * log_softmax(logits_BC)).sum(-1) * weights
    return {
        "summed": per_example.sum(),
        "n_valid_examples": weights.sum(),
        "per_example": per_example,
    }


def smoothed(
    labels: np.ndarray, num_classes: int, smoothing: float, like: np.ndarray
) -> np.ndarray:
    """(1 - a) label + a / C: distributions [B, C] of the type of `like`."""
    one_hot = np.eye(num_classes)[labels]
    return ((1 - smoothing) * one_hot + smoothing / num_classes).astype(like.dtype)


def gradient(params: Arrays, batch: Arrays, targets_BC: np.ndarray) -> Arrays:
    """Of the mean loss over rows with weight, for every parameter."""
    images, weights = batch["inputs"], batch["weights"]
    hidden_BW, logits_BC = logits_of(params, images)
    share_B1 = (weights / weights.sum())[:, None]
    logits_bar = (np.exp(log_softmax(logits_BC)) - targets_BC) * share_B1
    hidden_bar = logits_bar @ params["head.kernel"].T * hidden_BW * (1 - hidden_BW)
    return {
        "hidden.kernel": images.reshape(len(images), -1).T @ hidden_bar,
        "hidden.bias": hidden_bar.sum(0),
        "head.kernel": hidden_BW.T @ logits_bar,
        "head.bias": logits_bar.sum(0),
    }


class NumpyTestee:
    """Answers about perceptrons."""

    def forward(
        self,
        workload: str,
        seed: int,
        batch_size: int,
        dropout_rate: float,
        label_smoothing: float,
        stand_in: bool,
        exact: str,
    ) -> Arrays:
        """As `Testee.forward`. A perceptron drops nothing and has no state."""
        message = _perceptron(workload)
        source = pipeline.open_source(message)
        batch = pipeline.train_batch(source, seed, batch_size, slice(None), 0)
        batch["weights"] = pipeline.weights_of(batch).copy()
        batch["weights"][-1] = 0
        answer = self._passes(message, batch, seed, label_smoothing, "float32")
        if exact:
            answer |= named(exact, self._passes(message, batch, seed, label_smoothing, exact))
        return answer

    def _passes(
        self,
        message: Workload,
        batch: dict[str, Any],
        seed: int,
        label_smoothing: float,
        dtype: str,
    ) -> Arrays:
        config = message.model.mlp
        batch, params = cast(batch, dtype), cast(_filled(config, seed), dtype)
        _, logits = logits_of(params, batch["inputs"])
        plain, soft = (
            smoothed(batch["targets"], config.num_classes, a, logits) for a in (0, label_smoothing)
        )
        per_example = cross_entropy(logits, plain, batch["weights"])["per_example"]
        return (
            {"eval/logits": logits, "eval/per_example": per_example, "frozen/logits": logits}
            | named("train", {"logits": logits, **cross_entropy(logits, soft, batch["weights"])})
            | named("gradient", gradient(params, batch, soft))
        )

    def metrics(self, workload: str, seed: int) -> Arrays:
        """As `Testee.metrics`."""
        message = _perceptron(workload)
        params = _filled(message.model.mlp, seed)
        return {
            f"{split}/{metric}": np.asarray(value, np.float64)
            for split in pipeline.eval_splits(message)
            for metric, value in spec_metrics.from_batches(
                message.metrics,
                [_sums(params, b) for b in pipeline.eval_batches(message, split)],
            ).items()
        }


def _sums(params: Arrays, batch: dict[str, Any]) -> dict[str, Any]:
    """What an evaluation adds up over batches."""
    _, logits = logits_of(params, batch["inputs"])
    targets = smoothed(batch["targets"], logits.shape[-1], 0.0, logits)
    loss = cross_entropy(logits, targets, batch["weights"])
    correct = logits.argmax(-1) == batch["targets"]
    return {
        "accuracy": (correct * batch["weights"]).sum(),
        "loss": loss["summed"],
        "weight": loss["n_valid_examples"],
    }


def _perceptron(workload: str) -> Workload:
    message = loading.load_workload(workload)
    if message.model.WhichOneof("family") != "mlp" or message.model.mlp.activation != SIGMOID:
        raise NotImplementedError(
            f"{workload}: only perceptrons with a sigmoid are written out here"
        )
    return message


def _filled(config: Mlp, seed: int) -> Arrays:
    return {p.name: filled_parameter(p, seed) for p in declared(config)}


if __name__ == "__main__":
    serving.run(NumpyTestee)
