"""A report as one page of HTML: no script, no network.

A matrix of workloads and levels with the error that came closest to its bound; under it, for every
workload and level, every quantity with an error, down to the parameter and the step; what is expected
to fail, what is not covered, and recorded step times.
"""

import html as markup
from collections.abc import Iterator, Mapping, Sequence

from conformance import runner
from conformance.style import STYLE
from spec.conformance_pb2 import ConformanceReport, Level, Measurement, WorkloadReport
from spec.hardware_pb2 import HardwareReport

MOST_ROWS = 20_000  # of quantities in the whole page, which so stays under 5 MB
SHARES = (2_000, 500, 100, 25)  # most rows of one workload and level; the first that keeps to it


def html(report: ConformanceReport, results: Mapping[str, Sequence[HardwareReport]]) -> str:
    """The page. `results` are recorded step times by hardware, the oldest first."""
    levels = sorted(
        {m.level for w in report.workloads for m in w.measurements}
        | {Level.Value(level) for w in report.workloads for level in w.not_run}
    )
    groups = {
        (number, level): _with_error(workload, level)
        for number, workload in enumerate(report.workloads)
        for level in levels
    }
    most = next(
        (n for n in SHARES if sum(min(len(g), n) for g in groups.values()) <= MOST_ROWS), SHARES[-1]
    )
    num_failed = sum(not runner.passed(w) for w in report.workloads)
    parts = [
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>Conformance</title>",
        f"<style>{STYLE}</style></head><body><h1>Conformance</h1>",
        f"<p>{len(report.workloads)} workloads, {num_failed} of them with failures. Each cell has the "
        "quantity that came closest to its bound: error / bound.</p>",
        *_matrix(report, levels),
        *_failures(report),
        *_expected(report),
        "<h2>Not covered</h2>",
        *_list(report.not_covered, "Everything is."),
        *_history(results),
        "<h2>Every quantity with an error</h2>",
        *(
            part
            for (number, level), rows in groups.items()
            for part in _details(report.workloads[number], level, rows, most)
        ),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _matrix(report: ConformanceReport, levels: Sequence[Level]) -> Iterator[str]:
    heads = "".join(f"<th>{Level.Name(level).lower()}</th>" for level in levels)
    yield f"<div class='wide'><table><tr><th>workload</th>{heads}</tr>"
    for workload in report.workloads:
        worst = runner.worst(workload)
        cells = "".join(_cell(workload, level, worst) for level in levels)
        yield f"<tr><td>{_escaped(runner.title(workload))}</td>{cells}</tr>"
    yield "</table></div>"


def _cell(workload: WorkloadReport, level: Level, worst: Mapping[Level, Measurement]) -> str:
    if Level.Name(level) in workload.not_run:
        return "<td class='failed'>not run</td>"
    if level not in worst:
        return "<td></td>"
    m = worst[level]
    if m.quantity == runner.NOTHING:
        return "<td>none</td>"
    title = _escaped(m.quantity)
    text = f"{m.error:.1e} / {m.bound:.0e}" if m.error else "equal"
    link = f"<a href='#{_anchor(workload, level)}' title='{title}'>{text}</a>"
    return f"<td class='{_state(m)}'>{link}</td>"


def _failures(report: ConformanceReport) -> Iterator[str]:
    lines = [line for workload in report.workloads for line in runner.failures(workload)]
    if lines:
        yield "<h2>Failures</h2>"
        yield from (f"<pre>{_escaped(line)}</pre>" for line in lines)


def _expected(report: ConformanceReport) -> Iterator[str]:
    yield "<h2>Expected failures</h2>"
    known = [
        runner.failure_line(w.workload, m)
        for w in report.workloads
        for m in w.measurements
        if m.known_failure
    ]
    yield from _list(
        known, "None. One that is listed and passes, or fails otherwise, is a failure."
    )


def _history(results: Mapping[str, Sequence[HardwareReport]]) -> Iterator[str]:
    """JAX time over PyTorch time of a step, a column for each date."""
    yield "<h2>Step time, JAX / PyTorch</h2>"
    if not results:
        yield "<p>No results are recorded.</p>"
    for hardware, reports in results.items():
        yield f"<h3>{_escaped(hardware)}</h3>"
        heads = "".join(f"<th>{_escaped(report.date)}</th>" for report in reports)
        yield f"<div class='wide'><table><tr><th>workload</th>{heads}</tr>"
        for name in dict.fromkeys(s.workload for report in reports for s in report.workloads):
            cells = "".join(f"<td>{_ratio(report, name)}</td>" for report in reports)
            yield f"<tr><td>{_escaped(name)}</td>{cells}</tr>"
        yield "</table></div>"


def _ratio(report: HardwareReport, workload: str) -> str:
    for speed in report.workloads:
        steps = {b.backend: b.step.median for b in speed.backends}
        if speed.workload == workload and steps:
            ratio = f"{steps['jax'] / steps['pytorch']:.2f}"
            return f"{ratio} outside" if speed.failures else ratio
    return ""


def _with_error(workload: WorkloadReport, level: Level) -> list[Measurement]:
    """Quantities of a level that are not equal, the nearest to their bounds first."""
    found = (m for m in workload.measurements if m.level == level and (m.error or not m.passed))
    return sorted(found, key=runner.badness, reverse=True)


def _details(
    workload: WorkloadReport, level: Level, rows: Sequence[Measurement], most: int
) -> Iterator[str]:
    num_measured = sum(m.level == level for m in workload.measurements)
    if not num_measured:
        return
    name = f"{runner.title(workload)} {Level.Name(level).lower()}"
    more = f", of which the first {most} are here" if len(rows) > most else ""
    yield (
        f"<details id='{_anchor(workload, level)}'><summary>{_escaped(name)}: "
        f"{num_measured - len(rows)} equal, {len(rows)} with an error{more}</summary>"
    )
    yield "<table><tr><th>quantity</th><th>error</th><th>bound</th><th></th></tr>"
    for m in rows[:most]:
        steps = "; ".join(f"{number}: {e:.1e}" for number, e in enumerate(m.step_errors))
        about = _escaped(m.detail) + (
            f"<details><summary>steps</summary>{steps}</details>" if steps else ""
        )
        yield (
            f"<tr class='{_state(m)}'><td>{_escaped(m.quantity)}</td><td>{m.error:.2e}</td>"
            f"<td>{m.bound:.0e}</td><td>{about}</td></tr>"
        )
    yield "</table></details>"


def _list(lines: Sequence[str], none: str) -> Iterator[str]:
    if not lines:
        yield f"<p>{none}</p>"
        return
    yield "<ul>"
    yield from (f"<li>{_escaped(line)}</li>" for line in lines)
    yield "</ul>"


def _state(m: Measurement) -> str:
    return "passed" if m.passed else "known" if m.known_failure else "failed"


def _anchor(workload: WorkloadReport, level: Level) -> str:
    return _escaped(f"{runner.title(workload)}-{Level.Name(level)}".replace(" ", "-"))


def _escaped(text: str) -> str:
    return markup.escape(text, quote=True)
