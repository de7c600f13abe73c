"""Learning rates as plain functions of the step: the same number in both frameworks.

A schedule takes the point, the number of steps taken so far (from 0) and the number of steps of the
whole run, and gives the learning rate of the next step. Past the end it keeps its last value;
PyTorch's cosine would rise again.
"""

import math
from typing import Any


def warmup_cosine(point: Any, step: int, num_steps: int) -> float:
    """Linear from 0 to `learning_rate` over the share `warmup_factor` of the steps, then half a
    cosine to 0.
    """
    return warmed_cosine(step, point.learning_rate, int(point.warmup_factor * num_steps), num_steps)


def warmup_linear(point: Any, step: int, num_steps: int) -> float:
    """Linear from 0 to `learning_rate` over the share `warmup_factor` of the steps, then linear to
    `end_factor` of it over the share `decay_steps_factor` of what remains.
    """
    warmup_steps = int(point.warmup_factor * num_steps)
    if step < warmup_steps:
        return point.learning_rate * step / warmup_steps
    decay_steps = int(point.decay_steps_factor * (num_steps - warmup_steps))
    progress = min((step - warmup_steps) / max(decay_steps, 1), 1.0)
    return point.learning_rate * (1 + progress * (point.end_factor - 1))


def warmup_constant(point: Any, step: int, num_steps: int) -> float:
    """Linear to `learning_rate` over the share `warmup_factor` of the steps, then constant. The
    first step is one of those of the warm-up: its rate is not 0.
    """
    return point.learning_rate * min(1.0, (step + 1) / max(int(point.warmup_factor * num_steps), 1))


def warmup_cosine_fractions(point: Any, step: int, num_steps: int) -> float:
    """Linear from 0 to `learning_rate` over the share `warmup_steps_fraction` of the steps, then half
    a cosine to 0 at the share `cosine_decay_fraction`.
    """
    return warmed_cosine(
        step,
        point.learning_rate,
        int(point.warmup_steps_fraction * num_steps),
        int(point.cosine_decay_fraction * num_steps),
    )


def warmed_cosine(step: int, peak: float, warmup_steps: int, num_steps: int) -> float:
    """Linear from 0 to `peak` over `warmup_steps`, then half a cosine to 0 at `num_steps`."""
    if step < warmup_steps:
        return peak * step / warmup_steps
    progress = min((step - warmup_steps) / max(num_steps - warmup_steps, 1), 1.0)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
