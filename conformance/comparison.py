"""Comparing the answers of two backends against a case's bounds."""

import fnmatch
import math

import numpy as np

from conformance.arrays import Arrays
from spec.conformance_pb2 import (
    DATA,
    FORWARD,
    GRADIENT,
    IDENTICAL,
    METRICS,
    PARAMETERS,
    RELATIVE_L2,
    RELATIVE_MAX,
    STATE,
    TRAJECTORY,
    Bound,
    Case,
    GoldenBounds,
    Level,
    Measurement,
)
from spec.loading import SpecError

# Which question answers a level, and the prefixes of its quantities; None for all.
QUESTIONS: dict[Level, tuple[str, tuple[str, ...] | None]] = {
    PARAMETERS: ("parameters", None),
    DATA: ("data", None),
    FORWARD: ("forward", ("eval/", "train/", "frozen/")),
    GRADIENT: ("forward", ("gradient/", "gradient_rows/")),
    STATE: ("forward", ("state/", "eval_state/", "frozen_state/")),
    METRICS: ("metrics", None),
    TRAJECTORY: ("trajectory", None),
}
# Types that may stand before a prefix, where the same was computed in that type throughout.
EXACT = ("float64", "float32")


def compare(level: Level, case: Case, first: Arrays, second: Arrays) -> list[Measurement]:
    """Measures every quantity of a level; a quantity that only one side gives fails.

    `second` is the one that errors are relative to.
    """
    first, second = _of_level(level, first), _of_level(level, second)
    typical = _root_mean_square(second)
    result = []
    for quantity in [*second, *(name for name in first if name not in second)]:
        bound = bound_of(case, level, quantity)
        if quantity in first and quantity in second:
            result.append(
                measure(level, quantity, bound, first[quantity], second[quantity], typical)
            )
        else:
            side = "second" if quantity in first else "first"
            result.append(
                Measurement(
                    level=level,
                    quantity=quantity,
                    error=math.inf,
                    bound=bound.bound,
                    detail=f"missing in the {side} backend",
                )
            )
    if level == PARAMETERS and _declared(first) != _declared(second):
        detail = "the same parameters in another order"
        result.append(Measurement(level=level, quantity="order", error=math.inf, detail=detail))
    return result


def _declared(arrays: Arrays) -> list[str]:
    return [name for name in arrays if name.startswith("declaration/")]


def _of_level(level: Level, arrays: Arrays) -> Arrays:
    prefixes = QUESTIONS[level][1]
    if prefixes is None:
        return arrays
    return {name: array for name, array in arrays.items() if rounded(name).startswith(prefixes)}


def is_exact(quantity: str) -> bool:
    """Whether a quantity, or a pattern of them, is of those that were computed in an exact type."""
    return quantity.partition("/")[0] in EXACT


def rounded(quantity: str) -> str:
    """The name of a quantity as the workload's own precision has it."""
    return quantity.partition("/")[2] if is_exact(quantity) else quantity


def exact_type(case: Case) -> str:
    """The exact type that the case asks for beside the workload's own precision; empty for none."""
    return next((b.quantity.partition("/")[0] for b in case.bounds if is_exact(b.quantity)), "")


def bound_of(case: Case | GoldenBounds, level: Level, quantity: str) -> Bound:
    """The first of the case's bounds that fits the quantity; SpecError if none does."""
    for bound in case.bounds:
        if bound.level == level and fnmatch.fnmatchcase(quantity, bound.quantity):
            return bound
    origin = f"case {case.workload}" if isinstance(case, Case) else "golden vectors"
    raise SpecError(f"{origin}: no bound of level {Level.Name(level)} fits quantity {quantity!r}")


def measure(
    level: Level, quantity: str, bound: Bound, a: np.ndarray, b: np.ndarray, typical: float
) -> Measurement:
    """The error of `a` against `b` in the bound's measure. NaN on either side fails, unless IDENTICAL
    is asked for and both have the same bits.

    `typical` is the root mean square of all numbers of the level, for the bound's floor.
    """
    result = Measurement(level=level, quantity=quantity, bound=bound.bound)
    if a.shape != b.shape or a.dtype != b.dtype:
        result.error = math.inf
        result.detail = f"{a.dtype}{list(a.shape)}, expected {b.dtype}{list(b.shape)}"
        return result
    errors = _bits_differ(a, b) if bound.measure == IDENTICAL else _distances(a, b)
    if bound.growth_per_step:
        # Relative to the value of each step, and scaled back to step 0 by the growth that is allowed.
        result.step_errors.extend(errors / np.abs(b))
        errors = result.step_errors / bound.growth_per_step ** np.arange(len(errors))
        result.error = float(errors.max())
    else:
        result.error = _error(bound, errors, b, bound.floor * typical)
    result.passed = result.error <= bound.bound
    if not result.passed:
        step = "step " if bound.growth_per_step else ""
        result.detail = f"{step}{_worst_place(errors, a, b)}"
    return result


def _error(bound: Bound, errors: np.ndarray, b: np.ndarray, floor: float) -> float:
    """One number in the bound's measure, from the errors of single elements."""
    if bound.measure == IDENTICAL:
        return float(errors.sum())
    if bound.measure == RELATIVE_L2:
        error, scale = float(np.linalg.norm(errors)), math.sqrt(_square_sum(b))
        floor *= math.sqrt(b.size)
    elif bound.measure == RELATIVE_MAX:
        error, scale = float(errors.max(initial=0)), float(np.abs(b).max(initial=0))
    else:
        raise SpecError(f"bound {bound.quantity!r} has no measure")
    if error == 0:
        return 0.0
    scale = max(scale, floor)
    return error / scale if scale else math.inf


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    difference = np.asarray(np.subtract(a, b, dtype=np.float64))  # no scalar, which has no place
    return np.abs(difference, out=difference)


def _bits_differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where the bits of two arrays of the same type differ."""
    unsigned = f"u{a.dtype.itemsize}"
    left, right = (np.ascontiguousarray(x).view(unsigned) for x in (a, b))
    return left != right


def _worst_place(errors: np.ndarray, a: np.ndarray, b: np.ndarray) -> str:
    if errors.ndim == 0:
        return f"{a} against {b}"
    place = np.unravel_index(np.argmax(np.where(np.isnan(errors), np.inf, errors)), errors.shape)
    where = ", ".join(str(int(index)) for index in place)
    return f"at [{where}]: {a[place]} against {b[place]}"


def _root_mean_square(arrays: Arrays) -> float:
    numbers = [a for a in arrays.values() if np.issubdtype(a.dtype, np.floating)]
    size = sum(a.size for a in numbers)
    return math.sqrt(sum(map(_square_sum, numbers)) / max(size, 1))


def _square_sum(a: np.ndarray) -> float:
    """In float64, without a copy of the array in that type."""
    flat = a.reshape(-1)
    return float(np.einsum("i,i->", flat, flat, dtype=np.float64))
