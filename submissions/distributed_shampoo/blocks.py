"""How Shampoo cuts tensors into blocks, and where each block's factor matrices lie. No framework.

Factor matrices of one size are kept in one stack [number, size, size], so that their roots are
computed in batches and a stack can be divided between devices.
"""

import dataclasses
import itertools
from collections.abc import Sequence

Shape = tuple[int, ...]

# Tensors with an axis this long, such as tables of embeddings, are not preconditioned.
LONGEST_AXIS = 1_000_000


@dataclasses.dataclass(frozen=True)
class Block:
    """A part of a tensor.

    Attributes:
      tensor: its number.
      slices: of the tensor in its merged shape.
      places: for every axis, (size, index): which matrix of which stack belongs to it.
    """

    tensor: int
    slices: tuple[slice, ...]
    places: tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The blocks of a list of tensors.

    Attributes:
      merged: shape in which each tensor is preconditioned; None for one that is not.
      blocks: of all tensors.
      roots: for every size, the root p of each matrix in its stack: the inverse p-th root is taken.
    """

    merged: tuple[Shape | None, ...]
    blocks: tuple[Block, ...]
    roots: dict[int, tuple[int, ...]]

    def of_tensor(self, number: int) -> list[Block]:
        return [block for block in self.blocks if block.tensor == number]


def plan(shapes: Sequence[Shape], limit: int, root: int) -> Plan:
    """The blocks of tensors of these shapes, no axis longer than `limit`.

    Args:
      shapes: of the tensors.
      limit: axes are merged up to this length, and cut at it.
      root: 0 for 2 times the number of axes, as Gupta et al. have it; otherwise this root.
    """
    merged = tuple(None if max(s, default=1) >= LONGEST_AXIS else merge(s, limit) for s in shapes)
    blocks: list[Block] = []
    roots: dict[int, list[int]] = {}
    for number, shape in enumerate(merged):
        for slices in itertools.product(*(cuts(n, limit) for n in shape or ())):
            if shape is None:
                continue
            places = []
            for part in slices:
                stack = roots.setdefault(part.stop - part.start, [])
                places.append((part.stop - part.start, len(stack)))
                stack.append(root or 2 * len(shape))
            blocks.append(Block(number, slices, tuple(places)))
    return Plan(merged, tuple(blocks), {size: tuple(stack) for size, stack in roots.items()})


def merge(shape: Shape, limit: int) -> Shape:
    """The shape without axes of length 1, neighbours joined while their product is at most `limit`.

    At least one axis is left.
    """
    result: list[int] = []
    for length in shape:
        if length == 1:
            continue
        if result and result[-1] * length <= limit:
            result[-1] *= length
        else:
            result.append(length)
    return tuple(result) or (1,)


def cuts(length: int, limit: int) -> list[slice]:
    """Pieces of at most `limit`."""
    return [slice(start, min(start + limit, length)) for start in range(0, length, limit)]
