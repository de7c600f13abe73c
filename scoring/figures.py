"""Figures of the analyses, as vector graphics.

Imported only where figures are asked for: it loads matplotlib.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scoring import analyses, speedups
from scoring.board import Board
from scoring.records import Array, printable
from scoring.tables import Report, seconds
from spec.files import writing

# From Okabe and Ito's colours, as in the page; then again with dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#000000")
DASHES = ("-", "--", ":", "-.")
MAX_RATIOS = tuple(np.linspace(1.25, 10, 36))
# More submissions than these, best first, do not fit a figure.
MOST_SHOWN = 24


def write_figures(result: Report, folder: Path) -> list[Path]:
    """Writes every figure that the leaderboard allows as <name>.svg and returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_figures(folder)
    style: dict[str, Any] = {"font.size": 9, "svg.hashsalt": "tandem", "axes.spines.top": False}
    style["text.parse_math"] = False  # names may hold dollars
    paths = []
    with matplotlib.rc_context(style | {"axes.spines.right": False}):  # type: ignore[arg-type]
        for name, draw in FIGURES.items():
            figure = draw(result)
            if figure is None:
                continue
            path = folder / f"{name}.svg"
            with writing(path) as temporary:
                figure.savefig(
                    temporary, format="svg", metadata={"Date": None}, bbox_inches="tight"
                )
            plt.close(figure)
            paths.append(path)
    return paths


def remove_figures(folder: Path) -> None:
    """Removes the figures that another leaderboard left in the folder."""
    for name in FIGURES:
        (folder / f"{name}.svg").unlink(missing_ok=True)


def _shown(board: Board) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Place, name and line style of the best submissions."""
    for i in board.order[:MOST_SHOWN]:
        dash = DASHES[i // len(COLOURS) % len(DASHES)]
        yield (
            i,
            printable(board.submissions[i]),
            {"color": COLOURS[i % len(COLOURS)], "linestyle": dash},
        )


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(6.4, 4))
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.25)
    return figure, axes


def _with_legend(figure: Figure, axes: Axes) -> Figure:
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def performance_profiles(result: Report) -> Figure:
    """Fraction of workloads within a factor of the fastest."""
    figure, axes = _axes(
        "Performance profiles", "time / time of the fastest submission", "fraction of workloads"
    )
    tau, rho = analyses.profile_curves(result.board)
    for i, name, style in _shown(result.board):
        axes.step(tau, rho[i], where="post", label=name, **style)
    axes.set_ylim(0, 1.02)
    return _with_legend(figure, axes)


def scores_with_intervals(result: Report) -> Figure:
    """Scores and their bootstrap intervals over studies."""
    board = result.board
    percent = 100 * result.studies.level
    figure, axes = _axes("Scores", f"score, {percent:.0f} % interval over studies", "")
    shown = list(_shown(board))[::-1]
    for row, (i, _, style) in enumerate(shown):
        low, high = result.studies.score_low[i], result.studies.score_high[i]
        axes.plot([low, high], [row, row], color=style["color"], linewidth=4, alpha=0.4)
        axes.plot(board.score[i], row, "o", color=style["color"])
    axes.set_yticks(range(len(shown)), [name for _, name, _ in shown])
    axes.set_xlim(0, 1)
    return figure


def times_to_target(result: Report) -> Figure:
    """Median times, shaded by how close they are to the fastest."""
    board = result.board
    names = list(board.rules.counted)
    columns = [board.workloads.index(name) for name in names]
    rows = board.order[:MOST_SHOWN]
    times = np.where(np.isfinite(board.time_sec), board.time_sec, math.nan)[rows][:, columns]
    best = np.where(np.isnan(times), math.inf, times).min(0)
    with np.errstate(divide="ignore", invalid="ignore"):  # at 0 s the fastest is as dark as any
        behind = np.where(times == best, 0, np.log2(times / best))
    labels = [[seconds(value) for value in row] for row in board.time_sec[rows][:, columns]]
    return _heat(
        "Median seconds to target",
        behind,
        labels,
        [board.submissions[i] for i in rows],
        names,
    )


def _heat(
    title: str, values: Array, labels: list[list[str]], rows: list[str], columns: list[str]
) -> Figure:
    size = (1.5 + 0.75 * len(columns), 1.6 + 0.3 * len(rows))
    figure, axes = plt.subplots(figsize=size)
    axes.imshow(values, cmap="Blues_r", aspect="auto", vmin=-0.5, vmax=2.5)
    for i, row in enumerate(labels):
        for j, label in enumerate(row):
            dark = values[i, j] < 0.8
            axes.text(
                j, i, label, ha="center", va="center", color="white" if dark else "black", size=7
            )
    axes.set_xticks(range(len(columns)), [*map(printable, columns)], rotation=40, ha="right")
    axes.set_yticks(range(len(rows)), [*map(printable, rows)])
    axes.set_title(title)
    axes.spines[:].set_visible(False)
    return figure


def time_ratios(result: Report) -> Figure | None:
    """Geometric mean of the times of one submission over those of another."""
    board = result.board
    rows = board.order[:MOST_SHOWN]
    if len(rows) < 2:
        return None
    ratio = speedups.board_time_ratios(board)[np.ix_(rows, rows)]
    names = [board.submissions[i] for i in rows]
    labels = [["" if math.isnan(value) else f"{value:.2f}" for value in row] for row in ratio]
    title = "Time of row / time of column, geometric mean (below 1: row is faster)"
    with np.errstate(divide="ignore"):
        shades = 1 + np.log2(ratio)
    return _heat(title, shades, labels, names, names)


def budget_used(result: Report) -> Figure:
    """Fraction of the budget that reaching the target took, over workloads."""
    board = result.board
    figure, axes = _axes("Budget used", "fraction of the budget", "workloads solved")
    fractions = analyses.budget_fractions(board)[:, list(board.scoring.base)]
    for i, name, style in _shown(board):
        used = np.sort(fractions[i][np.isfinite(fractions[i])])
        axes.step(
            [0, *used, 1], [*range(len(used) + 1), len(used)], where="post", label=name, **style
        )
    axes.set_ylim(0, len(board.rules.base) + 0.2)
    return _with_legend(figure, axes)


def _spread(board: Board, spread: analyses.Spread, title: str, x: str) -> Figure | None:
    if len(spread.sizes) < 2:
        return None
    figure, axes = _axes(title, x, "score: mean and range over subsets")
    for i, name, style in _shown(board):
        axes.plot(spread.sizes, spread.mean[:, i], label=name, **style)
        axes.fill_between(
            spread.sizes, spread.low[:, i], spread.high[:, i], color=style["color"], alpha=0.12
        )
    axes.set_xticks(spread.sizes)
    return _with_legend(figure, axes)


def effect_of_studies(result: Report) -> Figure | None:
    """Scores with fewer studies."""
    spread = analyses.effect_of_studies(result.board, seed=result.seed)
    return _spread(result.board, spread, "Fewer studies", "studies")


def effect_of_trials(result: Report) -> Figure | None:
    """Scores with fewer trials a study."""
    spread = analyses.effect_of_trials(result.board, seed=result.seed)
    return _spread(result.board, spread, "Fewer trials", "trials a study")


def effect_of_max_ratio(result: Report) -> Figure:
    """Scores for other largest ratios."""
    board = result.board
    figure, axes = _axes("Largest ratio that earns credit", "largest ratio", "score")
    scores = analyses.effect_of_max_ratio(board, MAX_RATIOS)
    for i, name, style in _shown(board):
        axes.plot(MAX_RATIOS, scores[:, i], label=name, **style)
    axes.axvline(board.scoring.max_ratio, color="#777777", linewidth=0.8)
    return _with_legend(figure, axes)


def effect_of_held_out(result: Report) -> Figure | None:
    """Scores with and without the held-out workloads."""
    board = result.board
    if not board.scoring.held_out:
        return None
    figure, axes = _axes("Held-out workloads", "score", "")
    alone = analyses.without_held_out(board)
    shown = list(_shown(board))[::-1]
    for row, (i, _, style) in enumerate(shown):
        axes.plot([board.score[i], alone[i]], [row, row], color=style["color"])
        axes.plot(board.score[i], row, "o", color=style["color"])
        axes.plot(alone[i], row, "o", color=style["color"], fillstyle="none")
    axes.set_yticks(range(len(shown)), [name for _, name, _ in shown])
    axes.set_xlabel("score: filled with, open without the held-out workloads")
    return figure


def steps_and_step_time(result: Report) -> Figure | None:
    """Why times differ from those of the best submission: number of steps, seconds a step."""
    board = result.board
    if len(board.submissions) < 2:
        return None
    reference = board.order[0]
    parts = analyses.decomposition(board, reference)
    base = list(board.scoring.base)
    figure, axes = _axes(
        f"Times against {printable(board.submissions[reference])}, one point a workload",
        "log2 of the ratio of steps to the target",
        "log2 of the ratio of seconds a step",
    )
    for i, name, style in _shown(board):
        if i != reference:
            axes.plot(
                parts.steps[i, base],
                parts.step_time[i, base],
                "o",
                label=name,
                color=style["color"],
            )
    axes.axline((0, 0), slope=-1, color="#777777", linewidth=0.8)
    return _with_legend(figure, axes)


def robustness(result: Report) -> Figure:
    """Fraction of trials that reach the target."""
    board = result.board
    names = list(board.rules.counted)
    columns = [board.workloads.index(name) for name in names]
    rows = board.order[:MOST_SHOWN]
    reached = analyses.robustness(board).reached[rows][:, columns]
    labels = [
        ["" if math.isnan(value) else f"{100 * value:.0f} %" for value in row] for row in reached
    ]
    return _heat(
        "Trials that reached the target",
        2 - 2 * reached,
        labels,
        [board.submissions[i] for i in rows],
        names,
    )


FIGURES: dict[str, Callable[[Report], Figure | None]] = {
    draw.__name__: draw
    for draw in (
        performance_profiles,
        scores_with_intervals,
        times_to_target,
        time_ratios,
        budget_used,
        effect_of_studies,
        effect_of_trials,
        effect_of_max_ratio,
        effect_of_held_out,
        steps_and_step_time,
        robustness,
    )
}
