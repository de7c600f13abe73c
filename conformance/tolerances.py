"""Float32 bounds of the cases, from float64.

    python -m conformance.tolerances [--workload PATTERN] [--write]

How far a backend's float32 lies from its own float64 is rounding and nothing else. A bound is that
of the worse backend times a margin, for two backends round and other machines round otherwise. Of a
model in bfloat16, float32 is what its roundings are measured from. Prints the bounds of the levels
that are computed in both types; `--write` puts them into the cases.
"""

import argparse
import math
import re
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from conformance import comparison, processes, runner
from conformance.arrays import Arrays
from spec.command_line import USAGE_ERROR, OneLineParser
from spec.conformance_pb2 import (
    FORWARD,
    FULL,
    GRADIENT,
    IDENTICAL,
    STATE,
    TINY,
    Bound,
    Case,
    Level,
)
from spec.files import write_text
from spec.loading import SpecError

# By the exact type. Bfloat16's roundings are large and many, so that their sum differs less from machine
# to machine.
MARGINS = {"float64": 10, "float32": 3}
LEAST = 1e-6  # no bound is smaller: some 16 units in the last place of one number
# Largest bounds that need no reason.
USUAL: dict[Level, float] = {FORWARD: 1e-5, GRADIENT: 1e-4, STATE: 1e-5}
BLOCK = re.compile(r"bounds \{[^}]*\}")


def tolerance(bound: Bound, exact: str = "float64") -> float:
    """The bound that follows from the rounding against the exact type stored with it, with one digit."""
    wanted = max(MARGINS[exact] * bound.rounding, LEAST)
    if not bound.reason:
        wanted = min(wanted, USUAL[bound.level])
    return _rounded_up(wanted)


def roundings(case: Case, answers: Sequence[Arrays]) -> Iterator[tuple[int, float]]:
    """Of each bound, by its place in the case, the largest error against the exact type that any of
    the answers has; nothing of bounds that nothing fits.
    """
    for level in USUAL:
        found: dict[int, float] = {}
        for answer in answers:
            exact = {
                comparison.rounded(name): array
                for name, array in answer.items()
                if comparison.is_exact(name)
            }
            rounded = {
                name: array.astype(exact[name].dtype)
                for name, array in answer.items()
                if name in exact
            }
            for m in comparison.compare(level, case, rounded, exact):
                place = _place(case, level, m.quantity)
                found[place] = max(found.get(place, 0.0), m.error)
        yield from found.items()


def _place(case: Case, level: Level, quantity: str) -> int:
    return list(case.bounds).index(comparison.bound_of(case, level, quantity))


def rewritten(text: str, place: int, bound: Bound) -> str:
    """A case's text with the bound and rounding of its bound number `place`."""
    block = list(BLOCK.finditer(text))[place]
    plain = re.sub(r"\s+rounding: \S+", "", block.group())
    numbers = rf"\g<1>bound: {_short(bound.bound)}\g<1>rounding: {bound.rounding:.1e}"
    changed = re.sub(r"(\s+)bound: \S+", numbers, plain, count=1)
    return text[: block.start()] + changed + text[block.end() :]


def _rounded_up(x: float) -> float:
    digit = 10.0 ** math.floor(math.log10(x))
    return float(f"{math.ceil(x / digit - 1e-9) * digit:.0e}")


def _short(x: float) -> str:
    return np.format_float_scientific(x, trim="-", exp_digits=1)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 for wrong arguments."""
    parser = OneLineParser(prog="python -m conformance.tolerances", description="Float32 bounds.")
    parser.add_argument("--workload", metavar="PATTERN", help="cases (default: all tiny ones)")
    parser.add_argument("--write", action="store_true", help="into the cases")
    options: argparse.Namespace = parser.parse_args(argv)
    try:
        cases = [runner.load_case(name) for name in runner.select([options.workload or "*"])]
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    if options.workload is None:
        cases = [case for case in cases if case.scale == TINY]
    large = any(case.scale == FULL for case in cases)
    with processes.running(optimized=large) as testees:
        for case in filter(comparison.exact_type, cases):
            path = runner.CASES / f"{case.workload}.textproto"
            text = path.read_text(encoding="utf-8")
            for place, rounding in roundings(case, runner.ask(testees, case, "forward")):
                bound = case.bounds[place]
                if bound.measure == IDENTICAL:
                    continue
                bound.rounding = float(f"{rounding:.1e}")
                bound.bound = tolerance(bound, comparison.exact_type(case))
                text = rewritten(text, place, bound)
                level = Level.Name(bound.level).lower()
                print(f"{case.workload} {level} {bound.quantity}: rounding {rounding:.1e}", end="")
                print(f", bound {bound.bound:.0e}", flush=True)
            if options.write:
                write_text(path, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
