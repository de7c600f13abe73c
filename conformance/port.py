"""Whether two submissions are the same algorithm: `tandem port A B`.

Both run in processes of their own on one gradient field (conformance/gradient_field.py), from the
same parameters, so that nothing but the algorithm is compared: after every step, beyond the
schedule's end, and as prepared for evaluation.

A difference is measured against how far the parameter has moved, ||a_t - b_t|| / ||b_t - b_0||:
against the parameter itself, a wrong epsilon would look like rounding. What float arithmetic cannot
resolve counts as no movement: see `_resolution`.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from conformance.runner import Process
from conformance.testee import Arrays

# Largest relative difference of one algorithm in two frameworks. In float64 rounding and another
# formula lie orders of magnitude apart; in float32 equal algorithms were measured up to 6.4e-5 over
# 50 steps, the smallest difference of formulas (where epsilon stands) at 1.3e-3.
BOUNDS = {"float32": 5e-4, "float64": 1e-9}
ROUNDINGS = 4  # units in the last place of a parameter that two frameworks may be apart


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far one parameter's course is apart on two sides.

    Attributes:
      parameter: canonical name.
      worst: largest relative difference over all steps.
      worst_step: where, counted from 1.
      worst_update: the same of single updates, against the way moved so far.
      evaluated: largest relative difference of the parameters prepared for evaluation.
      first_step: the first step out of bound; None if all are within.
    """

    parameter: str
    worst: float
    worst_step: int
    worst_update: float
    evaluated: float
    first_step: int | None

    def passed(self, bound: float) -> bool:
        return max(self.worst, self.worst_update, self.evaluated) <= bound


@dataclasses.dataclass(frozen=True)
class Side:
    """One submission in one framework."""

    process: Process
    submission: str


def courses(
    sides: Sequence[Side], workload: str, *, trial: int, num_steps: int, dtype: str, seed: int = 0
) -> list[Arrays]:
    """The answers of all sides to `steps` (conformance/testee.py). Sides in one process wait for
    each other.
    """
    arguments = {
        "workload": workload,
        "seed": seed,
        "trial": trial,
        "num_steps": num_steps,
        "dtype": dtype,
    }
    for side in sides:
        side.process.send("steps", submission=side.submission, **arguments)
    return [side.process.receive() for side in sides]


def compare(first: Arrays, second: Arrays, bound: float) -> list[Difference]:
    """Differences of all parameters, those that leave the bound first, by step; then the largest."""
    names = [name.removeprefix("parameter/") for name in second if name.startswith("parameter/")]
    found = [
        _difference(
            name,
            *(side[f"parameter/{name}"] for side in (first, second)),
            *(side[f"evaluated/{name}"] for side in (first, second)),
            bound,
        )
        for name in names
    ]
    return sorted(found, key=lambda d: (np.inf if d.first_step is None else d.first_step, -d.worst))


def _difference(
    name: str, a: np.ndarray, b: np.ndarray, a_eval: np.ndarray, b_eval: np.ndarray, bound: float
) -> Difference:
    resolution = _resolution(b, bound)
    moved = _norms(b - b[0])[1:] + resolution
    steps = _norms(a - b)[1:] / moved
    updates = _norms(np.diff(a, axis=0) - np.diff(b, axis=0)) / moved
    evaluated = _norms(a_eval - b_eval) / (_norms(b_eval - b[0]) + resolution)
    outside = np.flatnonzero(~(np.maximum(steps, updates) <= bound))  # also where it is NaN
    return Difference(
        parameter=name,
        worst=float(steps.max()),
        worst_step=int(steps.argmax()) + 1,
        worst_update=float(updates.max()),
        evaluated=float(evaluated.max()),
        first_step=int(outside[0]) + 1 if outside.size else None,
    )


def _resolution(b: np.ndarray, bound: float) -> float:
    """The movement below which a difference of ROUNDINGS units in the last place is out of bound."""
    size = float(_norms(b).max())
    return max(ROUNDINGS * float(np.finfo(b.dtype).eps) * size / bound, np.finfo(b.dtype).tiny)


def _norms(rows: np.ndarray) -> np.ndarray:
    """Norm of every row [rows, *shape], float64."""
    return np.linalg.norm(rows.reshape(len(rows), -1).astype(np.float64), axis=1)
