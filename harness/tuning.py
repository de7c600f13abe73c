"""Hyperparameter points: the official search-space format and its quasi-random construction.

A search space is JSON: an object of `name: {"feasible_points": [...]}` or
`name: {"min": a, "max": b, "scaling": "log" or "linear"}`, from which points are drawn; or a list
of objects, which are the points.

Points come from a scrambled Halton sequence (Halton 1960; Bousquet et al. 2017, "Critical
hyper-parameters: no random, no cry"), built exactly as the official one, so the set of points is
the official set. There the order of the trials differs from process to process; here it follows
from a seed.
"""

import collections
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UsageError
from spec import rng

_SKIPPED = 100  # points at the beginning of the sequence, which are too regular
_LARGEST_PRIME = 1000

Point = dict[str, Any]


def read_points(path: Path, num_trials: int, seed: int) -> list[Point]:
    """The points of a study's trials, in the order in which they are tried.

    Args:
      path: search space or list of points.
      num_trials: trials a study has. A list of points may be shorter.
      seed: fixes the order of points that are drawn; that of a list is kept.

    Raises:
      UsageError: no such file, or not of the format.
    """
    try:
        content = _parse(path.read_bytes())
        if isinstance(content, list):
            return _listed_points(content)[:num_trials]
        if isinstance(content, dict) and content:
            points = draw_points(content, num_trials)
            order = np.random.RandomState(rng.key_words(seed, "trial_order")).permutation(
                num_trials
            )
            return [points[number] for number in order]
        raise UsageError("expected a list of points or an object of ranges, neither empty")
    except OSError as error:
        raise UsageError(f"search space {path}: {error.strerror}") from error
    except UsageError as error:
        raise UsageError(f"search space {path}: {error}") from error


def read_point(text: str) -> Point:
    """A single point, given as a JSON object.

    Raises:
      UsageError: it is none, or empty.
    """
    content = _parse(os.fsencode(text))
    if not isinstance(content, dict) or not content:
        raise UsageError(f"expected a point, an object of hyperparameters, not {content!r}")
    return content


def _parse(data: bytes) -> Any:
    try:
        content = json.loads(
            data.decode(), parse_constant=_number, parse_float=_number, parse_int=_number
        )
        json.dumps(content, ensure_ascii=False).encode()  # no half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}") from error
    return content


def _number(text: str) -> int | float:
    """A number of a search space; ValueError unless it is finite."""
    if not math.isfinite(float(text)):
        raise ValueError(f"{text:.20} is no finite number")
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def _listed_points(content: list[Any]) -> list[Point]:
    if not content:
        raise UsageError("the list has no points")
    for number, point in enumerate(content, start=1):
        if not isinstance(point, dict) or set(point) != set(content[0]):
            names = (
                ", ".join(content[0])
                if isinstance(content[0], dict)
                else "names of hyperparameters"
            )
            raise UsageError(f"point {number} is {point!r}, expected an object with {names}")
    return content


def draw_points(space: dict[str, Any], num_points: int) -> list[Point]:
    """The first `num_points` points of a search space, in the order of the sequence."""
    columns = halton(num_points, len(space)).T
    scaled = [
        [_scale(name, law, float(u)) for u in column]
        for (name, law), column in zip(space.items(), columns, strict=True)
    ]
    return [dict(zip(space, values, strict=True)) for values in zip(*scaled, strict=True)]


def _scale(name: str, law: Any, u: float) -> Any:
    """The value at u, uniform on [0, 1)."""
    match law:
        case {"feasible_points": [_, *_] as values}:
            return values[math.floor(u * len(values))]
        case {"min": int() | float() as low, "max": int() | float() as high, "scaling": "log"}:
            if not 0 < low <= high:
                raise UsageError(
                    f"{name} is from {low} to {high} on a log scale, expected 0 < min <= max"
                )
            return low * math.exp(u * math.log(high / low))
        case {"min": int() | float() as low, "max": int() | float() as high}:
            return u * (high - low) + low
    raise UsageError(f"{name} is {law!r}, expected feasible_points, or min, max and scaling")


def halton(num_points: int, num_dimensions: int) -> np.ndarray:
    """Scrambled and shifted Halton points, float64 [num_points, num_dimensions] in [0, 1)."""
    columns = [_halton_column(num_points, prime) for prime in _bases(num_dimensions)]
    return np.stack(columns, axis=1)


def _bases(count: int) -> list[int]:
    """The largest primes below 1000 but for the very largest, ascending."""
    primes = [
        n for n in range(3, _LARGEST_PRIME, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2))
    ]
    if count >= len(primes):
        raise UsageError(f"{count} hyperparameters, expected fewer than {len(primes)}")
    return primes[-count - 1 : -1]


def _halton_column(num_points: int, base: int) -> np.ndarray:
    random = np.random.RandomState(base)
    digits = np.arange(1, base)
    random.shuffle(digits)
    permutation = np.concatenate([[0], digits])
    shift = random.random_sample()
    column = np.empty(num_points)
    for row in range(num_points):
        number, weight, value = row + 1 + _SKIPPED, 1 / base, 0.0
        while number:
            number, digit = divmod(number, base)
            value += permutation[digit] * weight
            weight /= base
        column[row] = math.fmod(value + shift, 1.0)
    return column


def as_object(point: Point) -> Any:
    """A point as submissions see it: an object with one attribute a hyperparameter.

    Raises:
      UsageError: a name is not a Python identifier.
    """
    try:
        return collections.namedtuple("Hyperparameters", point)(**point)
    except ValueError as error:
        raise UsageError(f"hyperparameters {', '.join(point)}: {error}") from error
