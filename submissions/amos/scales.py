"""What Amos knows of a parameter before training, and its schedule. No framework; README.md has the
formulas and names their sources.
"""

import dataclasses
import math

from spec.interface import ParameterType as T
from spec.parameter_pb2 import AS_IS, Parameter

EPSILON = 1e-30  # beside squares; gradients may be 0
ETA = {
    T.BIAS: 0.5,
    T.BATCH_NORM_BIAS: 0.5,
    T.LAYER_NORM_BIAS: 0.5,
    T.ATTENTION_BIAS: 0.5,
    T.BATCH_NORM_SCALE: 1.0,
    T.LAYER_NORM_SCALE: 1.0,
    T.EMBEDDING: 1.0,
}
HEADS = (T.ATTENTION_Q, T.ATTENTION_K, T.ATTENTION_V)


@dataclasses.dataclass(frozen=True)
class Scale:
    """Of one parameter.

    Attributes:
      eta: the size that its entries are expected to have.
      axes: of its canonical array, over which squares are averaged; one number is kept for each place
        of the others.
      num_groups: how many such places there are; they lie one behind the other in PyTorch's layout.
      group_size: entries that share a number, k.
    """

    eta: float
    axes: tuple[int, ...]
    num_groups: int
    group_size: int

    @property
    def tau(self) -> float:
        return tau(math.sqrt(self.group_size))


def scale(parameter: Parameter, eta: float | None) -> Scale:
    """`eta` is that of all parameters; None lets it follow from the parameter's type."""
    shape = tuple(parameter.shape)
    kept = None
    if parameter.type == T.EMBEDDING and parameter.layout == AS_IS:  # a table, no map onto one
        kept = 0  # rows
    elif parameter.type in HEADS:
        kept = 1
    axes = tuple(axis for axis in range(len(shape)) if axis != kept)
    num_groups = 1 if kept is None else shape[kept]
    return Scale(
        eta=eta_of(parameter) if eta is None else eta,
        axes=axes,
        num_groups=num_groups,
        group_size=math.prod(shape) // num_groups,
    )


def eta_of(parameter: Parameter) -> float:
    """By type; a weight without inputs, such as a learned scale of one axis, counts as a scale."""
    if parameter.type in ETA or not parameter.fan_in:
        return ETA.get(parameter.type, 1.0)
    return math.sqrt((2 if parameter.type == T.WEIGHT else 1) / parameter.fan_in)


def tau(root_size: float) -> float:
    """Of sqrt(k)."""
    q = math.sqrt(1 - 1 / root_size)
    return q * math.log(root_size * (1 + q) ** 2)


def l2_of_size(l2: float, scale: Scale) -> float:
    """1 + l2 times the square of b at the size that is aimed at."""
    return 1 + l2 * ((1 + scale.tau / 2) ** 2 - 1) ** 2


def peak(largest_group: int) -> float:
    """Of xi, in units of `schedule`: from the largest k."""
    return math.sqrt(2 * (tau(math.sqrt(largest_group)) + math.sqrt(2) - 1))


def schedule(point, step, num_steps):
    """Linear from 0 to 1 / sqrt(converge T) in the warm-up, then constant, with the steps T less a
    third of twice the warm-up's.
    """
    warmup_steps = int(point.warmup_factor * num_steps)
    total = point.converge * (num_steps - 2 / 3 * warmup_steps)
    return min(1.0, step / max(warmup_steps, 1)) / math.sqrt(total)
