"""Step time and memory of both backends on this machine.

    python -m conformance.hardware --out DIR [--workload PATTERN ...] [--hardware NAME]

For each workload one process per backend; they take turns. What is done stands in DIR, so that the
same command goes on where another one ended. The report is DIR/report.json (`HardwareReport` in
spec/hardware.proto). Exit status: 0 all within the hardware's bands, 1 something was not, 2 wrong
arguments. What it needs to run is in docs/conformance.md.
"""

import argparse
import contextlib
import datetime
import fnmatch
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from google.protobuf import json_format

from conformance.hardware.speed import OPERATIONS, SEED, on_generated_examples
from conformance.processes import BACKENDS, Process, TesteeError
from inputs import pipeline
from spec import loading
from spec.command_line import USAGE_ERROR, OneLineParser
from spec.files import write_text
from spec.hardware_pb2 import (
    BackendSpeed,
    Hardware,
    HardwareReport,
    Seconds,
    WorkloadSpeed,
)
from spec.loading import SpecError
from spec.options_pb2 import Range
from submissions.common.batch_sizes import BASELINE

ROUNDS = 5  # turns of each backend at each operation
TURN_SEC = 0.5  # repetitions fill a turn
MOST_REPETITIONS = 10
INPUT_SEC = 1.0
MATMUL_SIZES = {False: 1024, True: 8192}  # on a processor, on an accelerator
PACKAGES = ("jax", "jaxlib", "flax", "optax", "torch", "numpy", "protobuf")
CLOCKS = "driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit"


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 when everything is within the bands, 1 when something is not, 2 for wrong arguments."""
    parser = OneLineParser(
        prog="python -m conformance.hardware", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--workload", action="append", metavar="PATTERN", help="default: all")
    parser.add_argument(
        "--hardware", metavar="NAME", help="default: the one this machine looks like"
    )
    options = parser.parse_args(argv)
    try:
        report = run(options)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    for line in table(report):
        print(line)
    return 1 if any(speed.failures for speed in report.workloads) else 0


def run(options: argparse.Namespace) -> HardwareReport:
    """Measures what is not in the folder yet; returns and writes the report of all that is."""
    report = machine(options.hardware)
    hardware = loading.load_hardware(report.hardware)
    names = workloads(hardware, options.workload or ["*"])
    report = _begun(options.out / "machine.json", report)
    for name in names:
        path = options.out / f"{name.replace('/', '__')}.json"
        if path.exists():
            speed = json_format.Parse(path.read_text(encoding="utf-8"), WorkloadSpeed())
        else:
            print(f"{name} ...", file=sys.stderr, flush=True)
            speed = measure(name, hardware)
            write_text(path, json_format.MessageToJson(speed, sort_keys=True))
        report.workloads.append(speed)
    write_text(options.out / "report.json", json_format.MessageToJson(report, sort_keys=True))
    return report


def _begun(path: Path, now: HardwareReport) -> HardwareReport:
    """What was written about the machine at the beginning; SpecError if it was another one."""
    if not path.exists():
        write_text(path, json_format.MessageToJson(now, sort_keys=True))
        return now
    begun = json_format.Parse(path.read_text(encoding="utf-8"), HardwareReport())
    for field in ("hardware", "machine", "num_cpus", "versions"):
        if getattr(begun, field) != getattr(now, field):
            raise SpecError(
                f"{path}: {field} was {getattr(begun, field)}, now {getattr(now, field)}: "
                "results of two machines do not mix; give another folder"
            )
    return begun


def machine(name: str | None) -> HardwareReport:
    """What measures, without loading a framework; SpecError if no hardware file fits it."""
    accelerators = _nvidia("name").splitlines()
    if name is None:
        fitting = [
            known
            for known in map(loading.load_hardware, loading.names("hardware"))
            if known.num_accelerators == len(accelerators)
            and all(known.accelerator in found for found in accelerators)
        ]
        if not fitting:
            raise SpecError(
                f"no spec/hardware/*.textproto is for {', '.join(accelerators) or 'a processor'}: "
                "write one, or say --hardware NAME"
            )
        name = fitting[0].name
    return HardwareReport(
        hardware=loading.load_hardware(name).name,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=", ".join(accelerators) or _processor(),
        clocks="; ".join(_nvidia(CLOCKS).splitlines()),
        num_cpus=len(os.sched_getaffinity(0)),
        load=os.getloadavg()[0],
        versions={p: importlib.metadata.version(p) for p in PACKAGES}
        | {"python": platform.python_version()},
    )


def _nvidia(query: str) -> str:
    """What the driver says of its accelerators, a line each; empty without one."""
    if shutil.which("nvidia-smi") is None:
        return ""
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return found.stdout.strip() if found.returncode == 0 else ""


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def workloads(hardware: Hardware, patterns: Sequence[str]) -> list[str]:
    """Those of the size that the hardware is for, with a batch size of their own; SpecError for a
    pattern that none fits.
    """
    tiny = hardware.num_accelerators == 0
    names = [name for name in BASELINE if name.startswith("tiny/") == tiny]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            loading.one_of(pattern, names, f"workload of {hardware.name}")
    return [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in patterns)]


def measure(workload: str, hardware: Hardware) -> WorkloadSpeed:
    """One workload at the submission's batch size, or half of it as often as memory asks."""
    speed = WorkloadSpeed(workload=workload, submission_batch_size=BASELINE[workload])
    speed.batch_size = speed.submission_batch_size
    try:
        while not _measured(speed, hardware):
            speed.batch_size //= 2
            if not speed.batch_size:
                speed.failures.append(f"{workload}: no batch size fits into memory")
                return speed
    except TesteeError as error:
        speed.failures.append(f"{workload}: not measured: {str(error).strip().splitlines()[-1]}")
        return speed
    speed.input_batches_per_sec = input_rate(workload, speed.batch_size)
    speed.failures.extend(outside(speed, hardware))
    return speed


def _measured(speed: WorkloadSpeed, hardware: Hardware) -> bool:
    """Fills in what the backends say; False if they do not fit into memory side by side."""
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(contextlib.closing(Process(name, _command(name), optimized=True)))
            for name in BACKENDS
        ]
        for process in running:
            process.send("open", workload=speed.workload, batch_size=speed.batch_size)
        opened = [process.receive() for process in running]
        if not all(answer["fits"] for answer in opened):
            return False
        seconds: dict[tuple[str, str], list[float]] = {}
        for _ in range(ROUNDS):
            for operation in OPERATIONS:
                for process, first in zip(running, opened, strict=True):
                    count = int(np.clip(TURN_SEC / first[operation], 1, MOST_REPETITIONS))
                    found = process.ask("time", operation=operation, repetitions=count)["seconds"]
                    seconds.setdefault((process.backend, operation), []).extend(found.tolist())
        peaks = [int(process.ask("memory")["peak_bytes"]) for process in running]
        size = MATMUL_SIZES[hardware.num_accelerators > 0]
        products = [float(process.ask("matmul", size=size)["flops_per_sec"]) for process in running]
        speed.flops = float(running[BACKENDS.index("pytorch")].ask("flops")["flops"])
    for backend, first, peak, product in zip(BACKENDS, opened, peaks, products, strict=True):
        spreads = {o: spread(seconds[backend, o]) for o in OPERATIONS}
        speed.backends.append(
            BackendSpeed(
                backend=backend,
                first_calls_sec=float(first["first"]),
                peak_memory_bytes=peak,
                flops_per_sec=speed.flops / spreads["step"].median,
                matmul_flops_per_sec=product,
                **spreads,
            )
        )
    return True


def _command(backend: str) -> list[str]:
    return [sys.executable, "-m", "conformance.hardware.speed", "--backend", backend]


def spread(seconds: Sequence[float]) -> Seconds:
    """Quartiles."""
    low, median, high = np.percentile(seconds, [25, 50, 75])
    return Seconds(low=low, median=median, high=high, count=len(seconds))


def input_rate(workload: str, batch_size: int) -> float:
    """Batches that one thread puts together of generated examples in a second, the first not counted."""
    source = pipeline.open_source(on_generated_examples(workload, batch_size))
    start, number = time.perf_counter(), 0
    while True:
        pipeline.train_batch(source, SEED, batch_size, slice(None), number)
        if number == 0:
            start = time.perf_counter()
        elif time.perf_counter() - start > INPUT_SEC:
            return number / (time.perf_counter() - start)
        number += 1


def outside(speed: WorkloadSpeed, hardware: Hardware) -> list[str]:
    """A line for each ratio of the backends that is outside the hardware's band."""
    jax, pytorch = (next(b for b in speed.backends if b.backend == name) for name in BACKENDS)
    ratios = [
        ("step", "s", jax.step.median, pytorch.step.median, hardware.step_time_ratio),
        (
            "peak memory",
            "bytes",
            jax.peak_memory_bytes,
            pytorch.peak_memory_bytes,
            hardware.memory_ratio,
        ),
    ]
    return [
        f"{speed.workload} {what}: jax {a:.4g} {unit} / pytorch {b:.4g} {unit} = {a / b:.2f}, "
        f"band {_band(band)}"
        for what, unit, a, b, band in ratios
        if not within(a / b, band)
    ]


def within(value: float, band: Range) -> bool:
    return not (
        (band.HasField("min") and value < band.min) or (band.HasField("max") and value > band.max)
    )


def _band(band: Range) -> str:
    ends = [band.min if band.HasField("min") else None, band.max if band.HasField("max") else None]
    return " to ".join("any" if end is None else f"{end:g}" for end in ends)


def table(report: HardwareReport) -> list[str]:
    """A row for each workload and backend, then what is outside the bands."""
    loads = f"{report.num_cpus} processors, load {report.load:.1f}"
    lines = [f"{report.hardware}: {report.machine}; {loads}; {report.date}"]
    heads = [
        *OPERATIONS,
        "step range",
        "first calls",
        "peak GB",
        "GFLOP/s",
        "of matmul",
        "input/step",
    ]
    lines.append(f"{'workload':30} {'batch':>6} {'':8}" + "".join(f"{h:>17}" for h in heads))
    for speed in report.workloads:
        for b in speed.backends:
            cells = [f"{getattr(b, operation).median * 1e3:.2f} ms" for operation in OPERATIONS]
            cells += [
                f"{b.step.low * 1e3:.2f}-{b.step.high * 1e3:.2f}",
                f"{b.first_calls_sec:.1f} s",
                f"{b.peak_memory_bytes / 1e9:.2f}",
                f"{b.flops_per_sec / 1e9:.1f}",
                f"{b.flops_per_sec / b.matmul_flops_per_sec:.0%}",
                f"{speed.input_batches_per_sec * b.step.median:.2f}",
            ]
            lines.append(
                f"{speed.workload:30} {speed.batch_size:6} {b.backend:8}"
                + "".join(f"{cell:>17}" for cell in cells)
            )
    return lines + [line for speed in report.workloads for line in speed.failures]
