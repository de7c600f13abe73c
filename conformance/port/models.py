"""Known algorithms as one formula with switches, in plain numpy: the yardstick of a diagnosis.

Every switch is a choice that ports get wrong. `simulate` gives the course of a formula on a gradient
field, in float64, as `Testee.steps` gives that of a submission.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from conformance.port.port import Question
from conformance.testee.course import EVALUATIONS
from submissions.common import schedules

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Formula:
    """An algorithm.

    Attributes:
      direction: "adam", "sgd", "lion" or "schedule_free".
      schedule: (point, step, num_steps) -> learning rate.
      shift: steps by which the schedule runs ahead.
      rises: whether a cosine turns up again after its end.
      nesterov: "none", "ahead" (b1 m + (1 - b1) g, for sgd g + mu m) or "twice" (the momentum's own
        step taken again, with the correction of the next step, as Dozat has it).
      averaged: for sgd, whether the momentum takes (1 - mu) g instead of g: "never", "always", or
        "later", which PyTorch calls dampening: all of the first gradient.
      epsilon: added to the denominator.
      epsilon_at: "root" (outside it), "square" (inside it) or "biased" (before the correction).
      corrected: which moments lose their bias: "both", "first", "second" or "none".
      decay: "decoupled" (lr wd p), "coupled" (added to the gradient), "unscaled" (wd p), "late" (of
        the parameters after the step) or "none".
      trust: whether each tensor's update is scaled as LAMB does.
      clip: largest global norm of the gradient.
      state: type in which moments are kept: "float64" (exactly), "float32" or "bfloat16".
      swapped: whether lion's betas are exchanged.
      power: weight t^power of schedule-free averaging.
      weighted: whether that weight also has lr_t^2.
      decay_at: for schedule-free, "x" or "y".
      evaluates: for schedule-free, the sequence that is evaluated, "x" or "y".
    """

    direction: str
    schedule: Callable[[Any, int, int], float] = schedules.warmup_cosine
    shift: int = 0
    rises: bool = False
    nesterov: str = "none"
    averaged: str = "never"
    epsilon: float = 1e-8
    epsilon_at: str = "root"
    corrected: str = "both"
    decay: str = "decoupled"
    trust: bool = False
    clip: float | None = None
    state: str = "float64"
    swapped: bool = False
    power: float = 0.0
    weighted: bool = True
    decay_at: str = "y"
    evaluates: str = "x"


def simulate(
    formula: Formula,
    point: Any,
    start: Arrays,
    curvatures: Arrays,
    gradients: Sequence[Arrays],
    question: Question,
) -> Arrays:
    """`parameter/<name>` and `evaluated/<name>`, as `Testee.steps` gives them, from `start` on; for as
    many of the question's steps as there are gradients.
    """
    hint = question.num_steps * 2 // 3
    run = (_schedule_free if formula.direction == "schedule_free" else _first_order)(formula, point)
    params = {name: array.astype(np.float64) for name, array in start.items()}
    courses: dict[str, list[np.ndarray]] = {name: [p.copy()] for name, p in params.items()}
    evaluated: dict[str, list[np.ndarray]] = {name: [] for name in params}
    for step, field in enumerate(gradients):
        grads = {name: g + curvatures[name] * params[name] for name, g in field.items()}
        rate = _rate(formula, point, step, hint)
        shown = run(params, _clipped(grads, formula.clip), rate)
        for name, p in params.items():
            courses[name].append(p.copy())
            if (step + 1) % (question.num_steps // EVALUATIONS) == 0:
                evaluated[name].append(shown[name].copy())
    return {f"parameter/{n}": np.array(rows) for n, rows in courses.items()} | {
        f"evaluated/{n}": np.array(rows).reshape(-1, *start[n].shape)
        for n, rows in evaluated.items()
    }


def _rate(formula: Formula, point: Any, step: int, hint: int) -> float:
    step = max(step + formula.shift, 0)
    if formula.rises and step > hint:
        warmup = int(point.warmup_factor * hint)
        angle = math.pi * (step - warmup) / (hint - warmup)
        return point.learning_rate * 0.5 * (1 + math.cos(angle))
    return formula.schedule(point, step, hint)


def _clipped(grads: Arrays, largest: float | None) -> Arrays:
    if largest is None:
        return grads
    norm = math.sqrt(sum(float(np.sum(g * g)) for g in grads.values()))
    return {name: g * min(1.0, largest / norm) for name, g in grads.items()}


def betas(point: Any) -> tuple[float, float]:
    """(b1, b2) of a point, by the names that are in use."""
    values = vars(point) if hasattr(point, "__dict__") else point._asdict()

    def beta(number: int) -> float:
        return values.get(f"beta{number}", 1 - values.get(f"one_minus_beta{number}", 1.0))

    return beta(1), beta(2)


def _kept(x: np.ndarray, dtype: str) -> np.ndarray:
    """x rounded to the type and back."""
    if dtype == "bfloat16":
        bits = x.astype(np.float32).view(np.uint32)
        rounded = bits + 0x7FFF + ((bits >> 16) & 1)  # to nearest, ties to even
        return (rounded & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)
    return x.astype(dtype).astype(np.float64)


def _first_order(f: Formula, point: Any) -> Callable[[Arrays, Arrays, float], Arrays]:
    b1, b2 = betas(point)
    decay = point.weight_decay
    moments: dict[str, list[np.ndarray]] = {}
    count = 0

    def step(params: Arrays, grads: Arrays, rate: float) -> Arrays:
        nonlocal count
        count += 1
        for name, p in params.items():
            first, second = moments.setdefault(name, [np.zeros_like(p), np.zeros_like(p)])
            g = grads[name] + (decay * p if f.decay == "coupled" else 0)
            if f.direction == "lion":
                now, later = (b2, b1) if f.swapped else (b1, b2)
                u = np.sign(now * first + (1 - now) * g)
                first = _kept(later * first + (1 - later) * g, f.state)
            elif f.direction == "sgd":
                damped = f.averaged == "always" or (f.averaged == "later" and count > 1)
                first = _kept(b1 * first + (1 - b1 if damped else 1) * g, f.state)
                u = g + b1 * first if f.nesterov == "ahead" else first
            else:
                first = _kept(b1 * first + (1 - b1) * g, f.state)
                second = _kept(b2 * second + (1 - b2) * g * g, f.state)
                u = _adam(f, first, second, g, count, b1, b2)
            moments[name] = [first, second]
            if f.decay == "decoupled":
                u = u + decay * p
            if f.trust:
                norms = np.linalg.norm(p), np.linalg.norm(u)
                u = u * (norms[0] / norms[1] if all(norms) else 1.0)
            if f.decay == "unscaled":
                p *= 1 - decay
            p -= rate * u
            if f.decay == "late":
                p *= 1 - rate * decay
        return params

    return step


def _adam(
    f: Formula, m: np.ndarray, v: np.ndarray, g: np.ndarray, t: int, b1: float, b2: float
) -> np.ndarray:
    correction1 = 1 - b1**t if f.corrected in ("both", "first") else 1.0
    correction2 = 1 - b2**t if f.corrected in ("both", "second") else 1.0
    if f.nesterov == "ahead":
        m = (b1 * m + (1 - b1) * g) / correction1
    elif f.nesterov == "twice":
        m = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
    else:
        m = m / correction1
    if f.epsilon_at == "square":
        return m / np.sqrt(v / correction2 + f.epsilon)
    if f.epsilon_at == "biased":
        return m * math.sqrt(correction2) / (np.sqrt(v) + f.epsilon)
    return m / (np.sqrt(v / correction2) + f.epsilon)


def _schedule_free(f: Formula, point: Any) -> Callable[[Arrays, Arrays, float], Arrays]:
    b1, b2 = betas(point)
    z: Arrays = {}
    second: Arrays = {}
    count, weights = 0, 0.0

    def step(params: Arrays, grads: Arrays, rate: float) -> Arrays:
        nonlocal count, weights
        count += 1
        weight = count**f.power * (rate**2 if f.weighted else 1.0)
        weights += weight
        shown = {}
        for name, y in params.items():
            z_old = z.get(name, y.copy())
            x = (y - (1 - b1) * z_old) / b1
            g = grads[name]
            v = second[name] = _kept(b2 * second.get(name, 0.0) + (1 - b2) * g * g, f.state)
            size = rate * (math.sqrt(1 - b2**count) if f.corrected == "both" else 1.0)
            root = np.sqrt(v + f.epsilon) if f.epsilon_at == "square" else np.sqrt(v) + f.epsilon
            decay = point.weight_decay if f.decay != "none" else 0.0
            z[name] = z_old - size * (g / root + decay * (y if f.decay_at == "y" else x))
            x = x + weight / weights * (z[name] - x)
            y[...] = (1 - b1) * z[name] + b1 * x
            shown[name] = x if f.evaluates == "x" else y
        return shown

    return step
