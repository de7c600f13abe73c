"""The published variants of Schedule-Free AdamW, whatever the framework."""

import dataclasses
from typing import Any

EPSILON = 1e-8


@dataclasses.dataclass(frozen=True)
class Variant:
    """What differs between the published variants.

    Attributes:
      schedule: (point, step, num_steps) -> lr_t.
      decay_at: "x" or "y".
      power: r.
      second_moment: type in which v is kept, for example "bfloat16"; None for that of the parameters.
      statistics_at_x: the steps at which batch statistics follow from a forward pass at x; None
        lets them move with the gradient's pass, at y.
    """

    schedule: Any
    decay_at: str
    power: float
    second_moment: str | None = None
    statistics_at_x: Any = None
