"""Whether two submissions are the same algorithm: `tandem port A B`.

Both run in processes of their own on one gradient field (conformance/testee/gradient_field.py), from the
same parameters, so that nothing but the algorithm is compared: after every step, beyond the
schedule's end, and as prepared for evaluation. Or both train a workload's model, end to end, with the
same batches and dropout masks. conformance/port/command.py is the command.

A difference is measured against how far the parameter has moved, ||a_t - b_t|| / ||b_t - b_0||:
against the parameter itself, a wrong epsilon would look like rounding. What float arithmetic cannot
resolve counts as no movement: see `_resolution`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conformance.arrays import Arrays
from conformance.processes import Process, TesteeError

# Largest relative difference of one algorithm in two frameworks. In float64 rounding and another
# formula lie orders of magnitude apart; in float32 equal algorithms were measured up to 6.4e-5 over
# 50 steps, the smallest difference of formulas (where epsilon stands) at 1.3e-3.
BOUNDS = {"float32": 5e-4, "float64": 1e-9}
# The same where the gradients are a model's, over END_TO_END_STEPS steps, which amplify rounding: equal
# algorithms were measured up to 3e-11 and 1e-2.
END_TO_END_BOUNDS = {"float32": 5e-2, "float64": 1e-8}
STEPS, END_TO_END_STEPS = 200, 20
ROUNDINGS = 4  # units in the last place of a parameter that two frameworks may be apart
FEWEST_STEPS = 8


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
      steps: the relative difference after every step.
      updates: that of every single update.
    """

    parameter: str
    worst: float
    worst_step: int
    worst_update: float
    evaluated: float
    first_step: int | None
    steps: tuple[float, ...]
    updates: tuple[float, ...]

    def passed(self, bound: float) -> bool:
        return max(self.worst, self.worst_update, self.evaluated) <= bound


@dataclasses.dataclass(frozen=True)
class Question:
    """What both sides are asked; see `Testee.steps`."""

    workload: str
    dtype: str
    trial: int = 1
    num_steps: int = STEPS
    seed: int = 0
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    end_to_end: bool = False

    def arguments(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @property
    def bound(self) -> float:
        return END_TO_END_BOUNDS[self.dtype] if self.end_to_end else BOUNDS[self.dtype]


def courses(
    processes: Sequence[Process], submissions: Sequence[str], question: Question
) -> list[Arrays]:
    """The answers of all processes, each about its submission; they work at the same time.

    Raises:
      TesteeError: one could not answer.
    """
    for process, submission in zip(processes, submissions, strict=True):
        process.send("steps", submission=submission, **question.arguments())
    answers: list[Arrays] = []
    errors: list[TesteeError] = []
    for process in processes:  # all answers are read, or the next question would get the old one
        try:
            answers.append(process.receive())
        except TesteeError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return answers


def compare(first: Arrays, second: Arrays, bound: float) -> list[Difference]:
    """Differences of all parameters, those that leave the bound first, by step; then the largest."""
    names = [name.removeprefix("parameter/") for name in second if name.startswith("parameter/")]
    found = []
    for name in names:
        a, b = (side[f"parameter/{name}"] for side in (first, second))
        a_eval, b_eval = (side[f"evaluated/{name}"] for side in (first, second))
        found.append(_difference(name, a, b, a_eval, b_eval, bound))
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
        evaluated=float(evaluated.max(initial=0)),
        first_step=int(outside[0]) + 1 if outside.size else None,
        steps=tuple(steps.tolist()),
        updates=tuple(updates.tolist()),
    )


def _resolution(b: np.ndarray, bound: float) -> float:
    """The movement below which a difference of ROUNDINGS units in the last place is out of bound."""
    size = float(_norms(b).max())
    return max(ROUNDINGS * float(np.finfo(b.dtype).eps) * size / bound, np.finfo(b.dtype).tiny)


def _norms(rows: np.ndarray) -> np.ndarray:
    """Norm of every row [rows, *shape], float64."""
    squares = np.square(rows, dtype=np.float64)
    return np.sqrt(squares.sum(axis=tuple(range(1, rows.ndim))))
