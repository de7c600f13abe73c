"""Seconds and memory that scoring takes, as a table.

    python -m benchmarks.scoring [--logs FOLDER]

Three ledgers: one in the official layout on disk, as large as that of six submissions of v0.5 with
all its metadata; the same as tidy tables; and one in memory that grows to 200 submissions on 20
workloads. With --logs, a folder of published logs is read too. Each row is a process of its own.
A second table has the whole command, from its start to the report that it writes, on tables on disk
that grow to the same 200 submissions.
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from scoring import tables
from scoring.audit import findings
from scoring.board import assess
from scoring.export import write_trials
from scoring.readers.logs import read_logs
from scoring.records import EVAL_TIME, PREEMPTION, STEP, TIME, TOTAL, Array, Facts, Ledger, Trial
from scoring.report.page import page
from scoring.rules import Rules, resolve
from scoring.tables import text_table
from spec.loading import load_ruleset, load_workload, names

NUM_STUDIES = NUM_TRIALS = 5
COUNTS = (25, 50, 100, 200)
WRITTEN = 4  # tables of submissions that are written; the others are links to them
HYPERPARAMETERS = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1}
Row = tuple[str, ...]


def made_up(num_submissions: int, rules: Rules, num_rows: int, *, seed: int = 0) -> list[Trial]:
    """Trials whose metric crosses the target at a random evaluation, or never."""
    rng = np.random.default_rng(seed)
    steps: Array = np.arange(num_rows, dtype=np.float64) * 100 + 1
    zeros = np.zeros(num_rows)
    trials = []
    for s in range(num_submissions):
        for name in [*rules.base, *rules.held_out]:
            rule = rules.workloads[name]
            grid: Array = np.linspace(0.002, 1, num_rows, dtype=np.float64) * rule.budget_sec
            sign = 1 if rule.direction.value == "min" else -1
            for study in range(NUM_STUDIES):
                for trial in range(1, NUM_TRIALS + 1):
                    crossing = rng.uniform(0.1, 1.6) * rule.budget_sec
                    values = rule.target + sign * 0.1 * (crossing - grid) / rule.budget_sec
                    columns: dict[str, Array] = {
                        STEP: steps,
                        TIME: grid,
                        EVAL_TIME: grid / 3,
                        TOTAL: grid * 1.4,
                    }
                    columns |= {PREEMPTION: zeros, rule.metric: values}
                    facts = Facts(
                        loop_ended=True,
                        final_time_sec=rule.budget_sec,
                        hyperparameters=HYPERPARAMETERS,
                        seed=int(rng.integers(2**31)),
                    )
                    identity = (f"submission_{s}", name, f"study_{study}", f"trial_{trial}", "jax")
                    trials.append(Trial(*identity, columns=columns, origin="", facts=facts))
    return trials


def write_tidy(trials: Sequence[Trial], rules: Rules, folder: Path, ending: str) -> None:
    """The same as one table a submission, .csv or .csv.xz."""
    header = "workload,framework,study,trial,global_step,accumulated_submission_time,"
    texts: dict[str, list[str]] = {}
    for trial in trials:
        study, number = trial.study.removeprefix("study_"), trial.trial.removeprefix("trial_")
        values = trial.columns[rules.workloads[trial.workload].metric]
        lines = texts.setdefault(trial.submission, [header + "val_metric"])
        lines += [
            f"{trial.workload},jax,{study},{number},{int(step)},{float(at)!r},{float(value)!r}"
            for step, at, value in zip(trial.columns[STEP], trial.times_sec, values, strict=True)
        ]
    folder.mkdir()
    for name, lines in texts.items():
        path = folder / f"evals_v05_external_{name}.csv"
        path.write_text("\n".join([*lines, ""]))
        if ending == ".csv.xz":
            subprocess.run(["xz", "-q", path], check=True)


def measured(label: str, what: Callable[..., Row], *args: object) -> list[str]:
    """Runs a function in a process of its own, and adds the process' peak memory to its cells."""
    queue: multiprocessing.Queue[list[str]] = multiprocessing.Queue()

    def run() -> None:
        cells = what(*args)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        queue.put([label, *cells, f"{peak:.0f}"])

    process = multiprocessing.Process(target=run)
    process.start()
    cells = queue.get()
    process.join()
    return cells


def score_logs(place: Path, version: str) -> Row:
    """Reads, scores, resamples and writes the page of logs on disk."""
    start = time.perf_counter()
    ledger = read_logs([place])
    read = time.perf_counter() - start
    rules = resolve(load_ruleset(version, "external"), ledger.trials)
    return (f"{len(ledger.trials):,}", f"{read:.2f}", *_scored(ledger, rules))


def score_in_memory(num_submissions: int, num_workloads: int, num_rows: int) -> Row:
    """Scores a ledger that is made up here; making it does not count."""
    scored = [name for name in names("workloads") if "v0.5" in load_workload(name).rules]
    rules = resolve(load_ruleset("v0.5", "external"), [], scored[:num_workloads])
    trials = made_up(num_submissions, rules, num_rows)
    return (f"{len(trials):,}", "-", *_scored(Ledger(trials), rules))


def run_command(places: Sequence[Path], *options: str) -> Row:
    """Seconds of the clock and of the processors that `tandem score` takes, and the page's size."""
    with tempfile.TemporaryDirectory() as folder:
        logs = [str(place) for place in places]
        command = [sys.executable, "-m", "cli.main", "score", *logs, "--out", folder, *options]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of this one; see `measured`
        text = (Path(folder) / "report.html").read_text()
        cells = (f"{seconds:.2f}", f"{used.ru_utime + used.ru_stime:.2f}")
        return (*cells, f"{used.ru_maxrss / 1024:.0f}", f"{len(text) / 1e6:.2f}", _opened(text))


def command_rows(folder: Path, counts: Sequence[int], num_workloads: int) -> Iterator[list[str]]:
    """The command on so many submissions: links to the tables of a few, under other names."""
    scored = [name for name in names("workloads") if "v0.5" in load_workload(name).rules]
    scored = scored[:num_workloads]
    rules = resolve(load_ruleset("v0.5", "external"), [], scored)
    write_tidy(made_up(WRITTEN, rules, 200), rules, folder / "few", ".csv")
    tables_written = sorted((folder / "few").iterdir())
    options = ["--rules", "v0.5", "--ruleset", "external", "--workloads", ",".join(scored)]
    for count in counts:
        many = folder / f"{count}"
        many.mkdir()
        for k in range(count):
            os.link(tables_written[k % WRITTEN], many / f"evals_v05_external_submission_{k}.csv")
        yield measured(f"{count} x {num_workloads}", run_command, [many], *options)[:-1]


def _scored(ledger: Ledger, rules: Rules) -> Row:
    start = time.perf_counter()
    board = assess(ledger.trials, rules)
    score = time.perf_counter() - start
    start = time.perf_counter()
    result = tables.report(board, seed=0, num_resamples=1000, problems=[], is_standard=True)
    resample = time.perf_counter() - start
    start = time.perf_counter()
    found = findings(board)
    audit = time.perf_counter() - start
    start = time.perf_counter()
    text = page(result, found)
    draw = time.perf_counter() - start
    seconds = (f"{value:.2f}" for value in (score, resample, audit, draw))
    return (*seconds, f"{len(text) / 1e6:.2f}", _opened(text))


def _opened(text: str) -> str:
    """Seconds until a headless browser has run the page's scripts, with the browser's own start."""
    browser = shutil.which("chromium")
    if browser is None:
        return "-"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(text)
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/user"]
        start = time.perf_counter()
        command = [browser, *options, "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert 'data-ready="yes"' in done.stdout
        return f"{time.perf_counter() - start:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=Path, help="published logs of v0.5, external tuning")
    args = parser.parse_args()
    rules = resolve(load_ruleset("v0.5", "external"), [])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        trials = made_up(6, rules, 60)
        write_trials(trials, Path(folder) / "raw")
        write_tidy(trials, rules, Path(folder) / "tidy", ".csv.xz")
        rows.append(measured("raw layout, 6 submissions", score_logs, Path(folder) / "raw", "v0.5"))
        rows.append(measured("tidy .xz, the same", score_logs, Path(folder) / "tidy", "v0.5"))
    if args.logs:
        rows.append(measured(str(args.logs), score_logs, args.logs, "v0.5"))
    for num_submissions in COUNTS:
        label = f"in memory, {num_submissions} x 20"
        rows.append(measured(label, score_in_memory, num_submissions, 20, 200))
    header = ["ledger", "trials", "read s", "score s", "resample s", "audit s", "page s", "page MB"]
    print(text_table([*header, "browser s", "peak MiB"], rows))
    with tempfile.TemporaryDirectory() as folder:
        rows = list(command_rows(Path(folder), COUNTS, 20))
    if args.logs:
        rows.append(measured(str(args.logs), run_command, [args.logs], "--rules", "v0.5")[:-1])
    header = ["tandem score", "clock s", "processor s", "peak MiB", "page MB", "browser s"]
    print(f"\n{text_table(header, rows)}")


if __name__ == "__main__":
    main()
