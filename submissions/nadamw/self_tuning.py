"""The point used under self-tuning, where the benchmark gives no hyperparameters."""

from typing import Any, NamedTuple


class Hyperparameters(NamedTuple):
    """The published self-tuning baseline (submission v0.6 `self_tuning/baseline`)."""

    dropout_rate: float = 0.1
    label_smoothing: float = 0.0
    learning_rate: float = 0.0017486387539278373
    one_minus_beta1: float = 0.06733926164
    beta2: float = 0.9955159689799007
    weight_decay: float = 0.08121616522670176
    warmup_factor: float = 0.02


def chosen(hyperparameters: Any) -> Any:
    """The trial's own point, or the one above where there is none."""
    return Hyperparameters() if hyperparameters is None else hyperparameters
