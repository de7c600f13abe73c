"""What a training step costs by the frameworks' own accounts, held against recorded numbers.

    python -m conformance.costs [--record]

Counts need no quiet machine and no accelerator, so they run in continuous integration: a step that
suddenly computes, moves, keeps or launches more shows here, in numbers that repeat exactly. For every
tiny workload and backend, see `costs` in conformance/hardware/speed_jax.py and conformance/hardware/speed_pytorch.py.
`--record` writes what is found to conformance/costs/costs.json instead of comparing. Exit status: 0 nothing
changed by more than the tolerance, 1 something did.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from conformance.processes import BACKENDS, Process
from spec.command_line import OneLineParser
from spec.files import write_text
from submissions.common.batch_sizes import BASELINE

RECORDED = Path(__file__).with_name("costs.json")
TOLERANCE = 0.05  # relative

Costs = dict[str, dict[str, dict[str, float]]]  # by workload, backend and name


def main(argv: Sequence[str] | None = None) -> int:
    parser = OneLineParser(prog="python -m conformance.costs", description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="write conformance/costs/costs.json")
    options = parser.parse_args(argv)
    found = measured()
    if options.record:
        write_text(RECORDED, json.dumps(found, indent=2) + "\n")
        return 0
    lines = list(changes(recorded(), found))
    for line in lines:
        print(line)
    return 1 if lines else 0


def recorded() -> Costs:
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def measured() -> Costs:
    """One process per backend for all workloads, one after the other."""
    costs: Costs = {name: {} for name in BASELINE if name.startswith("tiny/")}
    for backend in BACKENDS:
        command = ["env", "JAX_PLATFORMS=cpu", "CUDA_VISIBLE_DEVICES=", sys.executable]
        process = Process(
            backend, [*command, "-m", "conformance.hardware.speed", "--backend", backend]
        )
        try:
            for workload, found in costs.items():
                answer = process.ask("costs", workload=workload, batch_size=BASELINE[workload])
                found[backend] = {name: float(value) for name, value in answer.items()}
        finally:
            process.close()
    return costs


def changes(before: Costs, now: Costs) -> Iterator[str]:
    """A line for every number that moved by more than the tolerance, is new, or is gone."""
    old, new = dict(_flat(before)), dict(_flat(now))
    for place in sorted(old.keys() | new.keys()):
        name = " ".join(place)
        if place not in new:
            yield f"{name}: gone, recorded {old[place]:.10g}"
        elif place not in old:
            yield f"{name}: {new[place]:.10g}, not recorded"
        elif abs(new[place] - old[place]) > TOLERANCE * abs(old[place]):
            relative = f" ({new[place] / old[place] - 1:+.1%})" if old[place] else ""
            yield f"{name}: {new[place]:.10g}, recorded {old[place]:.10g}{relative}"


def _flat(
    costs: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> Iterator[tuple[tuple[str, str, str], float]]:
    for workload, backends in costs.items():
        for backend, values in backends.items():
            for name, value in values.items():
                yield (workload, backend, name), value
