"""Builds the page: data of a leaderboard, a template and its scripts in one HTML file."""

import collections
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scoring import board as boards
from scoring import times
from scoring.audit import Finding
from scoring.board import Board
from scoring.outcomes import CRASHES, Ending
from scoring.records import EVAL_TIME, TOTAL, Array, Trial
from scoring.tables import Report

HERE = Path(__file__).resolve().parent
STYLE = "page.css"
SCRIPTS = ("rules.js", "charts.js", "sections.js", "page.js")
# Points of all training curves together: about 3 MB of the page.
MAX_POINTS = 200_000
MAX_POINTS_PER_CURVE = 120
MIN_POINTS_PER_CURVE = 12
MAX_PROBLEMS = 200
NOT_REACHED = -1  # of a time, in the page's data; null where nothing was run


def page(result: Report, audit: Sequence[Finding] | None = None) -> str:
    """The whole page as text. What comes from logs is data in it, never markup."""
    data = page_data(result, audit)
    parts = {
        "TITLE": _escaped(result.title),
        "STYLE": (HERE / STYLE).read_text(encoding="utf-8"),
        "DATA": _script_safe(json.dumps(data, allow_nan=False, separators=(",", ":"))),
        "SCRIPT": "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    text = (HERE / "page.html").read_text(encoding="utf-8")
    before, *sections = text.split("{{")
    filled = [before]
    for section in sections:
        name, _, rest = section.partition("}}")
        filled += [parts[name], rest]
    return "".join(filled)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _script_safe(text: str) -> str:
    """JSON that can stand in a script element: nothing in it can end the element."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def page_data(result: Report, audit: Sequence[Finding] | None = None) -> dict[str, object]:
    """Everything the page shows and computes with, in the order of the leaderboard's arrays."""
    board = result.board
    return {
        "title": result.title,
        "method": board.method,
        "onCrash": board.on_crash,
        "standard": result.is_standard,
        "maxRatio": board.scoring.max_ratio,
        "base": list(board.scoring.base),
        "heldOut": [list(pair) for pair in board.scoring.held_out],
        "heldOutIfRun": board.rules.held_out_if_run,
        "submissions": list(board.submissions),
        "studies": list(board.arrays.studies),
        "workloads": _workloads(board),
        "order": board.order,
        "score": _numbers(board.score, 6),
        "rank": _numbers(board.rank, 0),
        "intervals": _intervals(result),
        "studySec": _numbers(board.study_sec),  # every digit: the page computes with them
        "endings": _endings(board),
        "otherEndings": _other_endings(board),
        "endingNames": [ending.value for ending in Ending],
        "crashes": [ending.value for ending in Ending if ending in CRASHES],
        "cost": _costs(board),
        "curves": _curves(board),
        "problems": [
            {"text": str(problem), "error": problem.is_error}
            for problem in result.problems[:MAX_PROBLEMS]
        ],
        "numProblems": len(result.problems),
        "audit": None
        if audit is None
        else [[finding.check, finding.where, finding.evidence] for finding in audit],
    }


def _workloads(board: Board) -> list[Mapping[str, object]]:
    return [
        {
            "name": rules.name,
            "title": rules.title,
            "metric": rules.metric.partition("/")[2],
            "minimize": rules.direction.value == "min",
            "target": rules.target,
            "budget": None if math.isinf(rules.budget_sec) else rules.budget_sec,
        }
        for rules in board.rules.workloads.values()
    ]


def _intervals(result: Report) -> dict[str, object]:
    studies, workloads = result.studies, result.workloads
    fixed = boards.fixed_reference_scores(result.board)
    return {
        "level": studies.level,
        "resamples": studies.num_resamples,
        "low": _numbers(studies.score_low, 4),
        "high": _numbers(studies.score_high, 4),
        "rankLow": _numbers(studies.rank_low, 0),
        "rankHigh": _numbers(studies.rank_high, 0),
        "workloadLow": _numbers(workloads.score_low, 4),
        "workloadHigh": _numbers(workloads.score_high, 4),
        "beats": _numbers(studies.beats, 3),
        "fixed": None if fixed is None else _numbers(fixed, 4),
    }


def _numbers(values: Array, digits: int | None = None) -> list:
    """Nested lists of numbers, rounded to so many digits; NaN is null and inf is NOT_REACHED."""
    rounded = values if digits is None else np.round(values, digits)
    plain = np.where(np.isinf(values), NOT_REACHED, rounded)
    whole = plain.astype(object)
    whole[np.isnan(plain)] = None
    if digits == 0:
        whole[~np.isnan(plain)] = plain[~np.isnan(plain)].astype(int)
    return whole.tolist()


def _endings(board: Board) -> list[list[dict[str, int]]]:
    """Number of trials by how they ended, for each submission and workload that counts."""
    rows = {name: i for i, name in enumerate(board.submissions)}
    columns = {name: i for i, name in enumerate(board.workloads)}
    counts: list[list[dict[str, int]]] = [[{} for _ in columns] for _ in rows]
    for trial, ended in zip(board.trials, board.outcomes, strict=True):
        if trial.workload in columns:
            cell = counts[rows[trial.submission]][columns[trial.workload]]
            cell[ended.ending.value] = cell.get(ended.ending.value, 0) + 1
    return counts


def _other_endings(board: Board) -> list[dict[str, int]]:
    """Number of trials of each submission by how they ended, on workloads that make up no score."""
    counts = {name: collections.Counter[str]() for name in board.submissions}
    for trial, ended in zip(board.trials, board.outcomes, strict=True):
        if trial.submission in counts and trial.workload not in board.workloads:
            counts[trial.submission][ended.ending.value] += 1
    return list(map(dict, counts.values()))


def _costs(board: Board) -> list[dict[str, float]]:
    """Hours of each submission on the clock, in evaluation, and altogether."""
    kinds = ("trials", "timed", "eval", "total")
    costs = {name: dict.fromkeys(kinds, 0.0) for name in board.submissions}
    for trial in board.trials:
        if trial.submission not in costs:
            continue
        cost = costs[trial.submission]
        cost["trials"] += 1
        timed = trial.final_time_sec
        cost["timed"] += timed / 3600
        cost["eval"] += _last(trial, EVAL_TIME) / 3600
        cost["total"] += max(_last(trial, TOTAL), timed) / 3600
    return [
        {key: round(value, 2) for key, value in costs[name].items()} for name in board.submissions
    ]


def _last(trial: Trial, column: str) -> float:
    values = trial.columns.get(column)
    if values is None or not len(values) or not math.isfinite(values[-1]):
        return 0.0
    return float(values[-1])


def _curves(board: Board) -> list[list[dict[str, object]]]:
    """Training curves of each workload: of every study the trial that counts, thinned to fit."""
    chosen = _chosen_trials(board)
    num_curves = sum(len(places) for row in chosen for places in row) or 1
    if num_curves * MIN_POINTS_PER_CURVE > MAX_POINTS:
        chosen = [[places[len(places) // 2 :][:1] for places in row] for row in chosen]
        num_curves = sum(len(places) for row in chosen for places in row) or 1
    limit = min(MAX_POINTS_PER_CURVE, max(MIN_POINTS_PER_CURVE, MAX_POINTS // num_curves))
    return [
        [
            _curve(board, i, place, limit)
            for i in range(len(board.submissions))
            for place in chosen[i][w]
        ]
        for w in range(len(board.rules.workloads))
    ]


def _chosen_trials(board: Board) -> list[list[list[int]]]:
    """Trials by which the studies of each submission and workload count, the fastest first."""
    arrays = times.trial_arrays(board.trials, board.hits, tuple(board.rules.workloads))
    excluded = boards.excluded_trials(arrays, board.outcomes, board.on_crash)
    order = times.preference(arrays, board.method, excluded=excluded)
    order = np.where(arrays.num_evaluations > 0, order, math.nan)
    known = np.where(np.isnan(order), math.inf, order)
    best = known.argmin(-1) if order.shape[-1] else np.zeros(order.shape[:-1], int)
    exists = np.logical_not(np.isnan(order).all(-1))
    result = []
    for i in map(arrays.submissions.index, board.submissions):
        row = []
        for w in range(len(arrays.workloads)):
            studies = np.flatnonzero(exists[i, w])
            ranked = sorted(studies, key=lambda j: known[i, w, j, best[i, w, j]])
            row.append([int(arrays.position[i, w, j, best[i, w, j]]) for j in ranked])
        result.append(row)
    return result


def _curve(board: Board, submission: int, place: int, limit: int) -> dict[str, object]:
    trial, hit = board.trials[place], board.hits[place]
    rules = board.rules.workloads[trial.workload]
    values = trial.columns.get(rules.metric, np.full(trial.num_evaluations, math.nan))
    rows = np.unique(np.linspace(0, len(values) - 1, min(limit, len(values))).round().astype(int))
    if hit.reached:
        rows = np.union1d(rows, [hit.row])
    return {
        "s": submission,
        "label": f"{trial.study} {trial.trial}",
        "t": [float(f"{time:.7g}") for time in trial.times_sec[rows]],
        "v": [float(f"{v:.5g}") if math.isfinite(v) else None for v in values[rows]],
        "hit": int(np.searchsorted(rows, hit.row)) if hit.reached else None,
    }
