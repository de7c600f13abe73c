"""What a port check found as one HTML page that needs no network: `tandem port --html FILE`."""

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from conformance.style import STYLE

LABELLED = 8  # curves with a colour and a name; the others are grey
SMALLEST = 1e-17  # of a logarithmic axis: less counts as equal


def page(reports: Sequence[dict[str, Any]]) -> str:
    """The page of reports as conformance/port/command.py makes them."""
    sides = " and ".join(f"{name} ({side})" for side, name in reports[0]["submissions"].items())
    title = html.escape(f"{sides} on {reports[0]['workload']}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        f"<p>Differences of the two sides, in units of the way that each parameter has moved.</p>\n"
        f"{''.join(map(_section, reports))}</body></html>\n"
    )


def _section(found: dict[str, Any]) -> str:
    same = f"the same algorithm over {found['num_steps']} steps"
    verdict = html.escape(same if found["passed"] else found["diagnosis"])
    rows = "".join(map(_row, found["parameters"]))
    heads = ("parameter", "first step out", "worst", "at step", "update", "evaluated")
    return (
        f"<h2>{html.escape(found['dtype'])}, bound {found['bound']:g}</h2>\n"
        f'<p class="{"passed" if found["passed"] else "failed"}">{verdict}</p>\n'
        f'<img alt="differences over steps" src="{_picture(found)}">\n'
        f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{rows}</table>\n"
    )


def _row(d: dict[str, Any]) -> str:
    cells = (
        html.escape(d["parameter"]),
        str(d["first_step"] or "-"),
        f"{d['worst']:.1e}",
        str(d["worst_step"]),
        f"{d['worst_update']:.1e}",
        f"{d['evaluated']:.1e}",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"


def _picture(found: dict[str, Any]) -> str:
    """The curves as a data URI, in which nothing can act on the page."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, d in enumerate(found["parameters"]):
        shown = number < LABELLED
        how: dict[str, Any] = {"linewidth": 1.2} if shown else {"linewidth": 0.6, "color": "0.8"}
        # A $ would begin a formula, and a label that begins with _ would be left out.
        label = d["parameter"].replace("$", r"\$") if shown else ""
        curve = np.maximum(np.array(d["steps"], float), SMALLEST)
        axes.plot(
            np.arange(1, len(curve) + 1),
            curve,
            label=f" {label}" if shown else None,
            zorder=2 - number,
            **how,
        )
    axes.axhline(found["bound"], color="black", linestyle="--", label=" bound")
    axes.set(xlabel="step", ylabel="difference / way moved", yscale="log")
    figure.legend(loc="outside right upper", fontsize="small", frameon=False)
    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "port"}):  # equal pages of equal reports
        figure.savefig(out, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(out.getvalue()).decode()}"
