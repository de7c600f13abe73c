"""How CASPR cuts parameters into matrices. No framework.

Matrices of one shape are kept in one stack [number, rows, columns], so that products and roots are
computed in batches and stacks of roots can be divided between devices.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

Shape = tuple[int, ...]

LONGEST_AXIS = 40_000  # of a matrix that is preconditioned
LONGEST_BLOCK = 1024


@dataclasses.dataclass(frozen=True)
class Block:
    """A part of a matrix: which, and where in it."""

    matrix: int
    slices: tuple[slice, slice]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The blocks of a list of parameters.

    Attributes:
      shapes: [rows, columns] of each parameter as a matrix; None for one that is not preconditioned.
      stacks: the blocks of every shape.
    """

    shapes: tuple[Shape | None, ...]
    stacks: dict[Shape, tuple[Block, ...]]


def plan(shapes: Sequence[Shape]) -> Plan:
    """The blocks of parameters of these shapes, [out, in, space...]."""
    matrices = tuple(matrix_shape(shape) for shape in shapes)
    stacks: dict[Shape, list[Block]] = {}
    for number, shape in enumerate(matrices):
        if shape is None:
            continue
        for rows, columns in itertools.product(*map(cuts, shape)):
            size = (rows.stop - rows.start, columns.stop - columns.start)
            stacks.setdefault(size, []).append(Block(number, (rows, columns)))
    return Plan(matrices, {size: tuple(blocks) for size, blocks in stacks.items()})


def matrix_shape(shape: Shape) -> Shape | None:
    """[in x space, out]; None for vectors and for what is too long."""
    if len(shape) < 2:
        return None
    rows, columns = math.prod(shape[1:]), shape[0]
    return (rows, columns) if max(rows, columns) <= LONGEST_AXIS else None


def cuts(length: int) -> list[slice]:
    """Pieces of at most LONGEST_BLOCK."""
    starts = range(0, length, LONGEST_BLOCK)
    return [slice(start, min(start + LONGEST_BLOCK, length)) for start in starts]
