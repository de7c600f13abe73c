"""Prints what the input pipelines get through on one processor, per second of this process's CPU
time, beside the bound. On two, decoding threads get in each other's way, which costs some workloads a
third of it.

    python -m benchmarks.inputs [NAME ...] [--repeat N]

A case makes files of random contents in the published or the prepared format, in a temporary
folder, and is measured on them; making them is not measured. Best of N: other programs on the
machine make every figure worse, none better.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.inputs import clicks, graphs, images, speech, text
from benchmarks.inputs.case import Measured
from inputs import storage

CASES = [*clicks.CASES, *images.CASES, *speech.CASES, *text.CASES, *graphs.CASES]


def per_cpu_second(measured: Measured) -> float:
    start = time.process_time()
    count = measured()
    return count / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases that begin so; default all")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    print(f"{'case':28} {'per CPU second':>20} {'bound':>12}  within")
    for case in CASES:
        if arguments.names and not case.name.startswith(tuple(arguments.names)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.environ[storage.VARIABLE] = f"{folder}/prepared"
            raw = Path(folder) / "raw"
            raw.mkdir()
            measured = case.set_up(raw)
            measured()  # imports, and pages of files, are not counted
            best = max(per_cpu_second(measured) for _ in range(arguments.repeat))
        figure = f"{best:,.0f} {case.unit}"
        bound = f"{case.bound:,.0f}" if case.bound else "none"
        within = "yes" if best >= case.bound else "NO"
        print(f"{case.name:28} {figure:>20} {bound:>12}  {within if case.bound else ''}".rstrip())


if __name__ == "__main__":
    main()
