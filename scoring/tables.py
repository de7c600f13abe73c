"""A leaderboard as text for the terminal, as JSON and as csv."""

import csv
import dataclasses
import io
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from scoring import board as boards
from scoring import speedups, uncertainty
from scoring.audit import Finding
from scoring.board import Board
from scoring.outcomes import Ending
from scoring.records import Array, Problem, printable
from scoring.uncertainty import Intervals

MAX_IN_TITLE = 3  # workloads that a title names
MAX_PROBLEMS = 1000  # in scores.json, errors first


@dataclasses.dataclass(frozen=True)
class Report:
    """A leaderboard with everything computed about it that tables, page and figures show."""

    board: Board
    studies: Intervals  # bootstrap over studies
    workloads: Intervals  # bootstrap over workloads
    seed: int
    problems: Sequence[Problem]
    is_standard: bool  # whether the workloads that make up the score are those of the ruleset

    @property
    def title(self) -> str:
        board = self.board
        if self.is_standard:
            return f"AlgoPerf {board.rules.name} tuning, {board.method} method"
        what = f"{board.rules.name} tuning, {board.method} method"
        base = board.rules.base
        over = ", ".join(base) if len(base) <= MAX_IN_TITLE else f"{len(base)} chosen workloads"
        return f"{what}, over {over} alone (no AlgoPerf score)"


def report(
    board: Board, *, seed: int, num_resamples: int, problems: Sequence[Problem], is_standard: bool
) -> Report:
    """Computes the intervals of a leaderboard. The same seed gives the same digits."""
    studies = uncertainty.over_studies(board, seed=seed, num_resamples=num_resamples)
    workloads = uncertainty.over_workloads(board, seed=seed, num_resamples=num_resamples)
    return Report(board, studies, workloads, seed, problems, is_standard)


def as_json(result: Report) -> dict[str, object]:
    """All results as plain data. A time or ratio that is not reached is "inf", one that was not run
    is null; so are both ends of an interval over studies where there is one study.
    """
    board = result.board
    names, base = board.submissions, list(board.rules.base)
    ruleset = board.rules.ruleset
    ratios = speedups.board_time_ratios(board)
    return {
        "title": result.title,
        "rules": {
            "version": ruleset.version,
            "ruleset": board.rules.name.split()[1],
            "base_workloads": base,
            "held_out_workloads": dict(board.rules.held_out),
            "max_ratio": ruleset.max_ratio,
            "num_studies": ruleset.num_studies,
            "trials_per_study": ruleset.trials_per_study,
        },
        "method": board.method,
        "on_crash": board.on_crash,
        "intervals": {
            "level": result.studies.level,
            "num_resamples": result.studies.num_resamples,
            "seed": result.seed,
        },
        "submissions": _submissions(result),
        "comparisons": {
            "probability_row_beats_column": _matrix(result.studies.beats, names, names),
            "time_ratio_row_to_column": _matrix(ratios, names, names),
            "speed_up_row_over_column": _matrix(ratios.T, names, names),
            "score_without_workload": _matrix(
                uncertainty.without_each_workload(board), base, names
            ),
            "score_without_competitor": _matrix(
                uncertainty.without_each_competitor(board), names, names
            ),
        },
        "problems": [
            {"path": p.path, "line": p.line, "text": p.text, "error": p.is_error}
            for p in sorted(result.problems, key=lambda p: not p.is_error)[:MAX_PROBLEMS]
        ],
        "num_problems": len(result.problems),
    }


def _submissions(result: Report) -> dict[str, object]:
    board = result.board
    counts, crashed = boards.ending_counts(board), boards.num_crashed(board)
    fixed = boards.fixed_reference_scores(board)
    grid_low, grid_high = uncertainty.grid_bounds(board)
    rank = board.rank
    workloads = _workload_entries(board)
    entries: dict[str, object] = {}
    for i in board.order:
        name = board.submissions[i]
        entries[name] = {
            "score": plain(board.score[i]),
            "interval": _pair(result.studies.score_low, result.studies.score_high, i),
            "rank": int(rank[i]),
            "rank_interval": _pair(result.studies.rank_low, result.studies.rank_high, i),
            "interval_over_workloads": _pair(
                result.workloads.score_low, result.workloads.score_high, i
            ),
            "evaluation_grid_bounds": _pair(grid_low, grid_high, i),
            "fixed_reference_score": None if fixed is None else plain(fixed[i]),
            "trials": {
                "total": counts[name].total(),
                "reached": counts[name][Ending.TARGET_REACHED.value],
                "crashed": crashed[name],
                "endings": dict(sorted(counts[name].items())),
            },
            "workloads": workloads[i],
        }
    return entries


def _workload_entries(board: Board) -> list[dict[str, dict[str, object]]]:
    """For each submission, what is known about each workload that counts."""
    stable, earliest = boards.stable_times(board), boards.earliest_times(board)
    credit = board.credit
    place = {name: column for column, name in enumerate(board.rules.base)}
    counted = board.rules.counted
    result = []
    for i in range(len(board.submissions)):
        entries: dict[str, dict[str, object]] = {}
        for name in counted:
            w = board.workloads.index(name)
            entry: dict[str, object] = {
                "role": "base" if name in place else f"held out of {board.rules.held_out[name]}",
                "time_sec": plain(board.time_sec[i, w]),
                "earliest_sec": plain(earliest[i, w]),
                "stable_time_sec": plain(stable[i, w]),
                "budget_fraction": plain(board.time_sec[i, w] / board.budget_sec[w]),
                "studies_sec": {
                    study: plain(board.study_sec[i, w, j])
                    for j, study in enumerate(board.arrays.studies)
                    if not np.isnan(board.study_sec[i, w, j])
                },
            }
            if name in place:
                entry["ratio"] = plain(board.ratio[i, place[name]])
                entry["credit"] = plain(credit[i, place[name]])
            entries[name] = entry
        result.append(entries)
    return result


def plain(value: float) -> float | str | None:
    """A number as JSON can hold it: "inf" for infinity, None for NaN."""
    if math.isnan(value):
        return None
    return "inf" if math.isinf(value) else float(value)


def _pair(low: Array, high: Array, place: int) -> list[float | str | None]:
    return [plain(low[place]), plain(high[place])]


def _matrix(values: Array, rows: Sequence[str], columns: Sequence[str]) -> Mapping[str, object]:
    return {
        row: {column: plain(values[i, j]) for j, column in enumerate(columns)}
        for i, row in enumerate(rows)
    }


def scores_csv(data: Mapping[str, object]) -> str:
    """One line a submission, from `as_json`."""
    rows = []
    for name, entry in _entries(data):
        trials = entry["trials"]
        cells = {
            "rank": entry["rank"],
            "submission": name,
            "score": entry["score"],
            "low": entry["interval"][0],
            "high": entry["interval"][1],
            "rank_low": entry["rank_interval"][0],
            "rank_high": entry["rank_interval"][1],
            "low_over_workloads": entry["interval_over_workloads"][0],
            "high_over_workloads": entry["interval_over_workloads"][1],
            "fixed_reference_score": entry["fixed_reference_score"],
            "trials": trials["total"],
            "reached": trials["reached"],
            "crashed": trials["crashed"],
        }
        rows.append(cells)
    return _csv(rows)


def times_csv(data: Mapping[str, object]) -> str:
    """One line a submission and workload, from `as_json`."""
    keys = ("role", "time_sec", "ratio", "credit", "budget_fraction", "earliest_sec")
    return _csv(
        [
            {"submission": name, "workload": workload}
            | {key: values.get(key) for key in (*keys, "stable_time_sec")}
            for name, entry in _entries(data)
            for workload, values in entry["workloads"].items()
        ]
    )


def _entries(data: Mapping[str, object]) -> Iterable[tuple[str, dict]]:
    submissions = data["submissions"]
    assert isinstance(submissions, dict)
    return submissions.items()


def trials_csv(board: Board) -> str:
    """The ledger: one line a trial with how it ended and why that is said."""
    rows = []
    for trial, hit, ended in zip(board.trials, board.hits, board.outcomes, strict=True):
        cells = {
            "submission": trial.submission,
            "workload": trial.workload,
            "study": trial.study,
            "trial": trial.trial,
            "framework": trial.framework,
            "outcome": ended.ending.value,
            "crashed": ended.crashed,
            "inferred": ended.inferred,
            "time_to_target_sec": plain(hit.time_sec),
            "step_at_target": plain(hit.step),
            "evaluations": trial.num_evaluations,
            "timed_sec": trial.final_time_sec or None,
            "evidence": ended.evidence,
            "log": trial.origin,
        }
        rows.append(cells)
    return _csv(rows)


def audit_csv(found: Sequence[Finding]) -> str:
    """One line a finding."""
    header = [field.name for field in dataclasses.fields(Finding)]
    return _csv([dataclasses.asdict(finding) for finding in found], header)


def _csv(rows: Sequence[Mapping[str, object]], header: Sequence[str] | None = None) -> str:
    """A csv; its header are the keys of the first row where none is given."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def leaderboard_text(result: Report) -> str:
    """The leaderboard for a terminal."""
    board = result.board
    counts, crashed = boards.ending_counts(board), boards.num_crashed(board)
    rank, studies = board.rank, result.studies
    percent = f"{100 * studies.level:.0f} %"
    header = ["rank", "submission", "score", f"{percent} interval", "ranks", "reached", "crashed"]
    rows = []
    for i in board.order:
        name = board.submissions[i]
        reached = counts[name][Ending.TARGET_REACHED.value]
        rows.append(
            [
                f"{rank[i]:.0f}",
                name,
                f"{board.score[i]:.4f}",
                _range(studies.score_low[i], studies.score_high[i], ".3f"),
                _range(studies.rank_low[i], studies.rank_high[i], ".0f"),
                f"{reached} of {counts[name].total()}",
                str(crashed[name]),
            ]
        )
    return text_table(header, rows)


def _range(low: float, high: float, form: str) -> str:
    return "one study" if math.isnan(low) else f"{low:{form}} - {high:{form}}"


def times_text(board: Board, *, max_submissions: int = 7) -> str:
    """Median time to target of the best submissions, in seconds, for a terminal."""
    shown = board.order[:max_submissions]
    header = ["workload", "budget s", *(board.submissions[i] for i in shown)]
    rows = []
    for name in board.rules.counted:
        w = board.workloads.index(name)
        label = f"  {name} (held out)" if name in board.rules.held_out else name
        cells = [seconds(board.time_sec[i, w]) for i in shown]
        rows.append([label, f"{board.budget_sec[w]:.0f}", *cells])
    left_out = len(board.order) - len(shown)
    more = f"\n({left_out} more submissions: see times.csv)" if left_out else ""
    return text_table(header, rows) + more


def speed_ups_text(board: Board, *, max_submissions: int = 7) -> str:
    """How the best submission compares with those after it, both ways round, for a terminal."""
    ratios = speedups.board_time_ratios(board)
    best, *others = board.order[:max_submissions]
    header = [f"{board.submissions[best]} against", "time ratio", "speed-up"]
    rows = [
        [board.submissions[i], f"{ratios[best, i]:.3f}", f"{ratios[i, best]:.3f}"] for i in others
    ]
    return text_table(header, rows)


def trials_text(board: Board) -> str:
    """Every trial with its outcome, time to target and steps, for a terminal."""
    header = ["submission", "workload", "study", "trial", "outcome", "target at s", "step", "why"]
    rows = []
    for trial, hit, ended in zip(board.trials, board.hits, board.outcomes, strict=True):
        step = f"{hit.step:.0f}" if hit.reached else "-"
        time = seconds(hit.time_sec)
        rows.append([*trial.key, ended.ending.value, time, step, ended.evidence[:70]])
    return text_table(header, rows)


def audit_text(found: Sequence[Finding]) -> str:
    """Findings by check, for a terminal."""
    lines = []
    for check, group in itertools.groupby(found, key=lambda finding: finding.check):
        shown = (printable(f"{finding.where}: {finding.evidence}") for finding in group)
        lines += [check, *(f"  {text}" for text in shown)]
    return "\n".join(lines)


def seconds(value: float) -> str:
    """A time in a table: `-` where the target was not reached, empty where nothing was run."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns in line, numbers to the right."""
    header, rows = [printable(c) for c in header], [[printable(c) for c in row] for row in rows]
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    is_number = [all(_like_number(row[k]) for row in rows) for k in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(cells, widths, is_number, strict=True)
        )
        return "  ".join(aligned).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, rows)])


def _like_number(cell: str) -> bool:
    return not cell or cell == "-" or cell[0].isdigit()
