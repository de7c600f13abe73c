"""What two submissions that differ may differ in, found by trying known differences.

One side is recognised as a known formula; then the formula is changed in one way after the other
until it gives the other side's course.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.arrays import Arrays
from conformance.port import port
from conformance.port.models import Formula, simulate
from conformance.testee.course import point_of
from conformance.testee.gradient_field import GradientField
from harness.errors import UsageError
from harness.submission import find
from spec.submission_pb2 import JAX
from submissions.common import schedules
from submissions.schedule_free_adamw_v2.variant import short_warmup

ADAM, SGD, FREE = "adam", "sgd", "schedule_free"
FIRST_STEPS = 8
FORMULAS = {
    "AdamW": Formula(ADAM),
    "NadamW": Formula(ADAM, nesterov="ahead"),
    "SGD with heavy-ball momentum": Formula(SGD, schedule=schedules.warmup_linear, decay="coupled"),
    "SGD with Nesterov momentum": Formula(
        SGD, schedule=schedules.warmup_linear, decay="coupled", nesterov="ahead"
    ),
    "Lion": Formula("lion"),
    "LAMB": Formula(ADAM, epsilon=1e-6, trust=True),
    "Schedule-Free AdamW, version 0.5": Formula(
        FREE, schedule=schedules.warmup_constant, power=0.75, state="bfloat16", decay_at="x"
    ),
    "Schedule-Free AdamW, version 0.6": Formula(FREE, schedule=short_warmup),
}

# What is said, the formulas it makes sense for, and the switches.
CHANGES: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("eps inside the square root", (ADAM, FREE), {"epsilon_at": "square"}),
    ("eps outside the square root", (ADAM,), {"epsilon_at": "root"}),
    ("eps added before the bias correction", (ADAM,), {"epsilon_at": "biased"}),
    *((f"eps {value:g}", (ADAM, FREE), {"epsilon": value}) for value in (1e-6, 1e-7, 1e-8, 1e-10)),
    ("no bias correction", (ADAM, FREE), {"corrected": "none"}),
    ("no bias correction of the first moment", (ADAM,), {"corrected": "second"}),
    ("no bias correction of the second moment", (ADAM,), {"corrected": "first"}),
    ("Dozat's correction of the momentum, by 1 - b1^(t+1)", (ADAM,), {"nesterov": "twice"}),
    ("no Nesterov momentum", (ADAM, SGD), {"nesterov": "none"}),
    ("Nesterov momentum", (ADAM, SGD), {"nesterov": "ahead"}),
    ("weight decay added to the gradient", (ADAM, SGD, "lion"), {"decay": "coupled"}),
    ("decoupled weight decay", (ADAM, SGD, "lion"), {"decay": "decoupled"}),
    ("weight decay not scaled by the learning rate", (ADAM, SGD, "lion"), {"decay": "unscaled"}),
    ("weight decay after the step", (ADAM, SGD, "lion"), {"decay": "late"}),
    ("no weight decay", (ADAM, SGD, "lion", FREE), {"decay": "none"}),
    ("weight decay at x", (FREE,), {"decay_at": "x"}),
    ("weight decay at y", (FREE,), {"decay_at": "y"}),
    ("the schedule one step ahead", (ADAM, SGD, "lion", FREE), {"shift": 1}),
    ("the schedule one step behind", (ADAM, SGD, "lion", FREE), {"shift": -1}),
    ("a cosine that rises again after its end", (ADAM, "lion"), {"rises": True}),
    ("momentum that takes in (1 - mu) g", (SGD,), {"averaged": "always"}),
    ("dampening: (1 - mu) g from the second step on", (SGD,), {"averaged": "later"}),
    ("no trust ratio", (ADAM,), {"trust": False}),
    ("gradients clipped to norm 1", (ADAM, SGD, "lion", FREE), {"clip": 1.0}),
    ("moments kept in float32", (ADAM, SGD, "lion", FREE), {"state": "float32"}),
    ("moments kept in bfloat16", (ADAM, SGD, "lion", FREE), {"state": "bfloat16"}),
    ("moments kept unrounded", (FREE,), {"state": "float64"}),
    ("b1 and b2 exchanged", ("lion",), {"swapped": True}),
    ("an averaging weight without the learning rate", (FREE,), {"weighted": False}),
    *((f"an averaging weight with t^{r:g}", (FREE,), {"power": r}) for r in (0.0, 0.75, 1.0)),
    ("y evaluated instead of x", (FREE,), {"evaluates": "y"}),
]


def diagnose(
    first: Arrays, second: Arrays, submissions: Sequence[str], question: port.Question
) -> str:
    """One line on what may make the second course differ from the first, or the first from the
    second.
    """
    try:
        source = find(submissions[0], Path(submissions[0]), JAX)
        point = point_of(source, question.trial, question.changes)
    except UsageError as error:
        return f"no diagnosis: {error}"
    if point is None:
        return "no diagnosis without a point of the search space"
    start = {
        name.removeprefix("parameter/"): rows[0]
        for name, rows in first.items()
        if name.startswith("parameter/")
    }
    trier = _Trier(point, start, question)
    for other, sound, differing in (("PyTorch", first, second), ("JAX", second, first)):
        for name, formula in FORMULAS.items():
            if trier.gives(formula, sound):
                found = trier.changes_to(formula, differing)
                if found:
                    return f"the {other} side matches {name} with {' or '.join(found)}"
                return f"the {other} side is not {name} with any single difference known here"
    return "neither side is a formula known here"


class _Trier:
    """Tries formulas against courses that were measured."""

    def __init__(self, point: Any, start: Arrays, question: port.Question):
        self._point, self._start, self._question = point, start, question
        field = GradientField({name: p.shape for name, p in start.items()}, question.seed)
        self._curvatures = field.curvatures
        self._gradients = [field.at(step) for step in range(question.num_steps)]

    def gives(self, formula: Formula, course: Arrays) -> bool:
        """Whether the formula is the algorithm of the course, to the bound. Most others are told by
        the first steps.
        """
        return self._gives(formula, course, FIRST_STEPS) and self._gives(
            formula, course, self._question.num_steps
        )

    def _gives(self, formula: Formula, course: Arrays, num_steps: int) -> bool:
        try:
            simulated = simulate(
                formula,
                self._point,
                self._start,
                self._curvatures,
                self._gradients[:num_steps],
                self._question,
            )
        except AttributeError:  # the point lacks a hyperparameter that the formula has
            return False
        measured = {name: course[name][: len(rows)] for name, rows in simulated.items()}
        bound = self._question.bound
        return all(d.passed(bound) for d in port.compare(simulated, measured, bound))

    def changes_to(self, formula: Formula, course: Arrays) -> list[str]:
        """What is said of all single changes that turn the formula into the course's algorithm."""
        found = []
        for words, directions, switches in CHANGES:
            changed = dataclasses.replace(formula, **switches)
            if (
                formula.direction in directions
                and changed != formula
                and self.gives(changed, course)
            ):
                found.append(words)
        return found
