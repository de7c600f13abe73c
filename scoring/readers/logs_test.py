"""All readers together: what stands on disk or in an archive, as trials."""

import io
import itertools
import json
import lzma
import math
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scoring.export import ExportError, write_trial, write_trials
from scoring.readers.logs import read_logs
from scoring.records import STEP, TIME, Facts, Ledger, Trial
from scoring.testing import events_text, make_trial, rules_v05
from scoring.times import first_hit
from spec import submission_pb2, timing_pb2

TIDY_HEADER = (
    "workload,framework,study,trial,global_step,accumulated_submission_time,accumulated_eval_time,"
    "total_duration,val_metric,test_metric,train_metric,val_loss,train_loss"
)


def some_trials() -> list[Trial]:
    return [
        make_trial([0.2 - 0.01 * k for k in range(n)], study=study, trial=n, submission=name)
        for name in ("adamw", "lion")
        for study in (0, 1)
        for n in (1, 2, 3)
    ]


def errors(ledger: Ledger) -> list[str]:
    return [str(problem) for problem in ledger.problems if problem.is_error]


def same(a: Trial, b: Trial) -> bool:
    metric = "validation/loss"
    return a.key == b.key and all(
        np.array_equal(a.columns[name], b.columns[name], equal_nan=True)
        for name in (TIME, STEP, metric)
    )


def test_official_layout_gives_back_what_was_written(tmp_path: Path) -> None:
    written = some_trials()
    assert write_trials(written, tmp_path) == len(written)
    ledger = read_logs([tmp_path])
    assert not ledger.problems
    assert len(ledger.trials) == len(written)
    assert all(itertools.starmap(same, zip(ledger.trials, written, strict=True)))


@pytest.mark.parametrize(
    "depth", ["", "adamw", "adamw/study_0", "adamw/study_0/criteo1tb_jax/trial_1"]
)
def test_any_folder_on_the_way_may_be_given(tmp_path: Path, depth: str) -> None:
    write_trial(make_trial([0.2]), tmp_path)
    (trial,) = read_logs([tmp_path / depth]).trials
    assert trial.key == ("adamw", "criteo1tb", "study_0", "trial_1")


def test_metadata_of_official_logs_is_read(tmp_path: Path) -> None:
    facts = Facts(
        loop_ended=True, final_time_sec=250.0, final_step=25, budget_sec=7703.0, step_limit=10666,
        seed=3, hyperparameters={"learning_rate": 0.1}, hardware="8x V100",
        versions={"commit": "c0ffee", "python": "3.8"},
    )  # fmt: skip
    write_trial(make_trial([0.2, 0.1], facts=facts), tmp_path)
    (trial,) = read_logs([tmp_path]).trials
    assert trial.facts == facts


def test_irregular_layouts_are_survived(tmp_path: Path) -> None:
    good = write_trial(make_trial([0.2]), tmp_path)
    study = good.parents[1]
    csv = (good / "eval_measurements.csv").read_text()
    stray = study / "trial_1"
    stray.mkdir()
    (stray / "eval_measurements.csv").write_text(csv)
    (study / "criteo1tb_jax_05-06-2024-02-40-53.log").write_text("version https://git-lfs\n")
    (study / "fastmri_pytorch").mkdir()
    (study / "wmt_jax" / "trial_1").mkdir(parents=True)  # crashed before anything was written
    ledger = read_logs([tmp_path])
    assert [(t.workload, t.num_evaluations) for t in ledger.trials] == [
        ("criteo1tb", 1),
        ("wmt", 0),
    ]
    assert not errors(ledger)
    assert [p.path for p in ledger.problems] == [str(study)]


def test_timestamped_siblings_belong_to_the_submission(tmp_path: Path) -> None:
    write_trial(make_trial([0.2, 0.1]), tmp_path)
    write_trial(make_trial([0.3], submission="adamw-2024-08-01-10-11-12", study=1), tmp_path)
    write_trial(make_trial([0.3], submission="adamw-2024"), tmp_path)
    found = {(t.submission, t.study) for t in read_logs([tmp_path]).trials}
    assert found == {("adamw", "study_0"), ("adamw", "study_1"), ("adamw-2024", "study_0")}


def test_a_pointer_instead_of_a_csv_is_a_reported_trial_without_evaluations(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.2]), tmp_path)
    (folder / "eval_measurements.csv").write_text("version https://git-lfs.github.com/spec/v1\n")
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].num_evaluations == 0
    (error,) = errors(ledger)
    assert error.startswith(f"{folder}/eval_measurements.csv:1: is a git-lfs pointer")


def test_damaged_files_are_reported_with_path_and_line(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.2, 0.1], facts=Facts(hyperparameters={})), tmp_path)
    with (folder / "eval_measurements.csv").open("a") as stream:
        stream.write("50.0,300.0,21\n")
    (folder / "hparams.json").write_text('{\n"a": }')
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].num_evaluations == 2
    first, second = errors(ledger)
    assert first.startswith(f"{folder}/eval_measurements.csv:4: row left out: 3 cells")
    assert second.startswith(f"{folder}/hparams.json:2: is no JSON")


def rewritten(folder: Path, change: Callable[[str], str]) -> Ledger:
    """What is read after a change to the text of the official log of a trial."""
    path = folder / "eval_measurements.csv"
    path.write_text(change(path.read_text()))
    return read_logs([folder])


def test_a_torn_last_row_is_left_out_even_if_it_looks_whole(tmp_path: Path) -> None:
    """The 0.2 at its end may have been 0.25."""
    folder = write_trial(make_trial([0.3, 0.2]), tmp_path)
    ledger = rewritten(folder, lambda text: text[:-1])
    assert ledger.trials[0].num_evaluations == 1
    (error,) = errors(ledger)
    assert error.startswith(f"{folder}/eval_measurements.csv:3: row left out: torn")


def test_torn_tidy_tables_lose_their_last_row(tmp_path: Path) -> None:
    write_tidy(tmp_path, [make_trial([0.3, 0.2])], ".csv")
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:-1])
    header = "version,ruleset,submission,workload,framework,study,trial,has_eval_csv"
    row = "v05,external,adamw,criteo1tb,jax,0,2,False"
    (tmp_path / "trials.csv").write_text(f"{header}\n{row}")
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [1]
    first, second = errors(ledger)
    assert f"{path}:3: row left out: torn" in first
    assert "trials.csv:2: row left out: torn" in second


@pytest.mark.parametrize(
    ("times", "kept"),
    [([1, 5, 3, 4, 6], [1, 5, 6]), ([1, 2, 2, 3, 4], [1, 2, 3, 4]), ([3, 1, 2, 4, 5], [3, 4, 5])],
)
def test_time_that_goes_back_or_stands_still_leaves_rows_out(
    tmp_path: Path, times: list[float], kept: list[float]
) -> None:
    folder = write_trial(make_trial([0.2] * 5, times), tmp_path / "official")
    write_tidy(tmp_path, [make_trial([0.2] * 5, times)], ".csv")
    log = events_text([0.2] * 5)
    for k, time in enumerate(times):
        log = log.replace(f'"timedSec": {100.0 * (k + 1)}', f'"timedSec": {time}.5')
    for place in (folder, tmp_path / "evals_v05_external_adamw.csv", write_events(tmp_path, log)):
        ledger = read_logs([place] if place != tmp_path else [tmp_path / "events.jsonl"])
        assert [int(time) for time in ledger.trials[0].times_sec] == kept
        assert len(errors(ledger)) == 5 - len(kept)
        assert "row left out: accumulated_submission_time is" in errors(ledger)[0]


def test_steps_that_go_back_leave_rows_out(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.2] * 3), tmp_path)
    ledger = rewritten(folder, lambda text: text.replace(",21,0,", ",10,0,"))
    assert ledger.trials[0].times_sec.tolist() == [100, 200]
    (error,) = errors(ledger)
    assert f"{folder}/eval_measurements.csv:4: row left out: global_step is 10 after 11" in error


def test_rows_in_order_again_after_a_preemption_are_no_error(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.4, 0.3, 0.2]), tmp_path)
    again = write_trial(make_trial([0.4, 0.1, 0.1], [100, 190, 290]), tmp_path / "resumed")
    rows = (again / "eval_measurements.csv").read_text().splitlines(keepends=True)[2:]
    rows = [row.replace("1,0,", "1,1,", 1) for row in rows]
    ledger = rewritten(folder, lambda text: text + "".join(rows))
    assert ledger.trials[0].times_sec.tolist() == [100, 190, 290]
    assert not errors(ledger)


@pytest.mark.parametrize("count", ["", "nan"])
def test_a_row_without_its_preemption_count_is_left_out(tmp_path: Path, count: str) -> None:
    folder = write_trial(make_trial([0.3, 0.2]), tmp_path)
    ledger = rewritten(folder, lambda text: text.replace(",11,0,", f",11,{count},"))
    assert ledger.trials[0].times_sec.tolist() == [100]
    assert "csv:3: row left out: preemption_count is nan" in errors(ledger)[0]


def test_a_metric_that_is_infinitely_good_is_an_error_and_attains_nothing(tmp_path: Path) -> None:
    values = [0.3, -math.inf, math.inf]
    folder = write_trial(make_trial(values), tmp_path / "official")
    log = write_events(tmp_path / "events", events_text(values))
    for place, line in ((folder, 3), (log, 3)):
        ledger = read_logs([place])
        (trial,) = ledger.trials
        np.testing.assert_array_equal(trial.columns["validation/loss"], values)
        (error,) = errors(ledger)
        assert f":{line}: validation/loss is -inf" in error
        assert not first_hit(trial, rules_v05().workloads["criteo1tb"]).reached


def test_an_official_log_without_rows_is_an_error(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.3]), tmp_path)
    ledger = rewritten(folder, lambda text: text.partition("\n")[0] + "\n")
    assert ledger.trials[0].num_evaluations == 0
    assert "a header and no row" in errors(ledger)[0]


@pytest.mark.parametrize("cell", ["inf", "nan", "-5", "torn"])
def test_a_last_row_that_says_nothing_costs_nothing(tmp_path: Path, cell: str) -> None:
    facts = Facts(loop_ended=True, final_time_sec=250.0, final_step=25)
    folder = write_trial(make_trial([0.3], facts=facts), tmp_path)
    path = folder / "measurements.csv"
    path.write_text(path.read_text().replace("250.0", cell))
    (trial,) = read_logs([tmp_path]).trials
    assert trial.facts.final_time_sec is None and trial.num_evaluations == 1


def test_a_missing_target_column_is_an_error_and_not_just_a_miss(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.1], metric="validation/lossy"), tmp_path)
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].num_evaluations == 1
    (error,) = errors(ledger)
    assert error.startswith(f"{folder}/eval_measurements.csv:1: has no column validation/loss")


@pytest.mark.parametrize("meta", ['{"rng_seed": 1%s}' % ("0" * 400), '{"gpu_model_name": "V100"}'])
def test_odd_metadata_stops_nothing(tmp_path: Path, meta: str) -> None:
    folder = write_trial(make_trial([0.1]), tmp_path)
    (folder / "meta_data_0.json").write_text(meta)
    (trial,) = read_logs([tmp_path]).trials
    assert (trial.facts.seed, trial.facts.hardware, trial.num_evaluations) == (None, None, 1)


def test_hyperparameters_nested_too_deep_cost_their_row_alone(tmp_path: Path) -> None:
    write_tidy(tmp_path, [make_trial([0.2])], ".csv")
    header = "version,ruleset,submission,workload,framework,study,trial,has_eval_csv,hparams_json"
    row = f"v05,external,adamw,criteo1tb,jax,0,2,False,{'[' * 100_000}"
    (tmp_path / "trials.csv").write_text(f"{header}\n{row}\n")
    ledger = read_logs([tmp_path])
    assert len(ledger.trials) == 1 and "trials.csv:2: row left out" in errors(ledger)[0]


def test_score_and_submission_time_that_differ_are_reported(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.2]), tmp_path)
    path = folder / "eval_measurements.csv"
    header, row = path.read_text().splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=True)) | {"score": "77.0"}
    path.write_text(f"{header}\n{','.join(cells.values())}\n")
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [77.0]
    (error,) = errors(ledger)
    assert error.startswith(f"{path}:2: `score` is 77.0 and `accumulated_submission_time` 100.0")
    assert "`score` counts" in error


def tidy_rows(trial: Trial) -> list[str]:
    study, number = trial.study.removeprefix("study_"), trial.trial.removeprefix("trial_")
    values = zip(
        trial.columns[STEP], trial.times_sec, trial.columns["validation/loss"], strict=True
    )
    return [
        f"{trial.workload},{trial.framework},{study},{number},{step:.0f},{time!r},1,2,{value!r},,,{value:.3f},"
        for step, time, value in ((s, float(t), float(v)) for s, t, v in values)
    ]


def write_tidy(folder: Path, trials: list[Trial], ending: str) -> None:
    for name in {trial.submission for trial in trials}:
        rows = [row for trial in trials if trial.submission == name for row in tidy_rows(trial)]
        text = "\n".join([TIDY_HEADER, *rows, ""]).encode()
        path = folder / f"evals_v05_external_{name}{ending}"
        path.write_bytes(lzma.compress(text) if ending.endswith(".xz") else text)


@pytest.mark.parametrize("ending", [".csv", ".csv.xz"])
def test_tidy_tables_give_the_same_trials(tmp_path: Path, ending: str) -> None:
    written = some_trials()
    write_tidy(tmp_path, written, ending)
    ledger = read_logs([tmp_path])
    assert not ledger.problems
    assert all(itertools.starmap(same, zip(ledger.trials, written, strict=True)))


def test_the_table_of_trials_adds_facts_and_trials_without_evaluations(tmp_path: Path) -> None:
    write_tidy(tmp_path, [make_trial([0.2])], ".csv")
    header = "version,ruleset,submission,workload,framework,study,trial,has_eval_csv"
    header += ",final_step,hparams_json"
    rows = [
        'v05,external,adamw,criteo1tb,jax,0,1,True,77,"{""lr"": 0.1}"',
        "v05,external,adamw,criteo1tb,jax,0,2,False,,",
        "v05,external,adamw,criteo1tb,jax,0,3,True,50,",
        "v05,external,absent,criteo1tb,jax,0,1,False,,",
        "v05,external,adamw,criteo1tb,jax,0,4,False,inf,",
        "v05,self,adamw,criteo1tb,jax,0,5,False,,",
    ]
    (tmp_path / "trials.csv").write_text("\n".join([header, *rows, ""]))
    ledger = read_logs([tmp_path])
    first, second = ledger.trials
    made_for = ("v0.5", "external")
    assert first.facts == Facts(final_step=77, hyperparameters={"lr": 0.1}, made_for=made_for)
    assert (second.trial, second.num_evaluations) == ("trial_2", 0)
    assert len(errors(ledger)) == 2
    assert "trial_3 has evaluations that are in no file" in errors(ledger)[0]
    assert "trials.csv:6: row left out" in errors(ledger)[1]


@pytest.mark.parametrize(
    "identity",
    [
        "criteo1tb,jax,,1",
        "criteo1tb,jax,0.0,1",
        "criteo1tb,tpu,0,1",
        ",jax,0,1",
        '"criteo1tb",jax,0,1',
    ],
)
def test_a_tidy_row_that_names_no_trial_is_left_out(tmp_path: Path, identity: str) -> None:
    write_tidy(tmp_path, [make_trial([0.3]), make_trial([0.2], trial=2)], ".csv")
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text().replace("criteo1tb,jax,0,2", identity))
    ledger = read_logs([tmp_path])
    assert [trial.trial for trial in ledger.trials] == ["trial_1"]
    (error,) = errors(ledger)
    assert error.startswith(f"{path}:3: row left out, and all of its trial: ")


@pytest.mark.parametrize(
    "row",
    [
        "v05,external,adamw",
        "v05,external,adamw,criteo1tb,jax,0,2,1,8000",
        "v05,external,adamw,criteo1tb,jax,0,2,False,nan",
        "v05,external,adamw,criteo1tb,jax,,2,False,8000",
    ],
)
def test_a_row_of_the_table_of_trials_that_does_not_fit_is_left_out(
    tmp_path: Path, row: str
) -> None:
    write_tidy(tmp_path, [make_trial([0.3])], ".csv")
    header = "version,ruleset,submission,workload,framework,study,trial,has_eval_csv"
    (tmp_path / "trials.csv").write_text(f"{header},final_submission_time\n{row}\n")
    ledger = read_logs([tmp_path])
    assert len(ledger.trials) == 1
    (error,) = errors(ledger)
    assert "trials.csv:2: row left out" in error


def test_logs_of_other_rulesets_are_left_out_where_they_lie_beside(tmp_path: Path) -> None:
    for place, num in [("external_tuning", 2), ("self_tuning", 3)]:
        write_trial(make_trial([0.2] * num), tmp_path / "algoperf_v05" / "logs" / place)
    write_tidy(tmp_path, [make_trial([0.2], study=3)], ".csv")
    write_events(tmp_path / "runs", events_text([0.2], study=4))  # v0.6 external
    assert len(read_logs([tmp_path]).trials) == 4
    ledger = read_logs([tmp_path], ("v0.5", "external"))
    assert [trial.study for trial in ledger.trials] == ["study_0", "study_3"]
    assert "2 trials that were not made for v0.5 external are left out" in ledger.problems[0].text
    (own,) = read_logs([tmp_path], ("v0.6", "external")).trials
    assert own.study == "study_4"
    assert len(read_logs([tmp_path], ("v0.6", "self")).trials) == 4


def test_other_csv_files_are_ignored_and_named(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    (problem,) = read_logs([tmp_path]).problems
    assert "ignored" in problem.text and not problem.is_error


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version https://git-lfs.github.com/spec/v1\n",
        TIDY_HEADER.replace("val_metric", "metric") + "\ncriteo1tb,jax,0,1,1,1,1,1,1,1,1,1,1\n",
    ],
)
def test_a_table_that_is_none_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "evals_v05_external_a.csv"
    path.write_text(text)
    (error,) = errors(read_logs([tmp_path]))
    assert error.startswith(f"{path}:1: is no table of evaluations")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    write_tidy(tmp_path, [make_trial([0.2])], ".csv")
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    ledger = read_logs([tmp_path])
    assert len(ledger.trials) == 1 and not ledger.problems


def test_damaged_compression_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "evals_v05_external_a.csv.xz"
    path.write_bytes(lzma.compress(TIDY_HEADER.encode())[:-9])
    assert "ends early" in errors(read_logs([tmp_path]))[0]
    path.write_bytes(b"no xz")
    assert "is damaged" in errors(read_logs([tmp_path]))[0]


def test_archives_read_like_the_folders_in_them(tmp_path: Path) -> None:
    written = some_trials()
    write_trials(written, tmp_path / "logs")
    with tarfile.open(tmp_path / "all.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "logs", "any/where")
    ledger = read_logs([tmp_path / "all.tar.xz"])
    assert not ledger.problems
    assert all(itertools.starmap(same, zip(ledger.trials, written, strict=True)))
    assert "all.tar.xz!any/where/adamw/study_0" in ledger.trials[0].origin


def test_an_archive_cannot_reach_outside_and_its_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        for name in ("../x/study_0/wmt_jax/trial_1/eval_measurements.csv", "/etc/a.csv"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
        link = tarfile.TarInfo("a/study_0/wmt_jax/trial_1/eval_measurements.csv")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    ledger = read_logs([tmp_path / "bad.tar"])
    assert not ledger.trials
    first, second, third = errors(ledger)
    assert "a path out of the archive" in first and "a path out of the archive" in second
    assert "a link or no plain file" in third
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar", "secret.csv"]


def test_a_link_to_nothing_and_a_pipe_are_reported(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = write_trial(make_trial([0.2], trial=number), tmp_path)
        (folder / "eval_measurements.csv").unlink()
    (folder / "eval_measurements.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder.parent / "trial_1" / "eval_measurements.csv")
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [0, 0]
    assert ["no file that can be read" in text for text in errors(ledger)] == [True, True]


def test_a_linked_folder_is_not_followed_and_named(tmp_path: Path) -> None:
    write_trial(make_trial([0.2]), tmp_path / "logs")
    (tmp_path / "logs" / "lion").symlink_to(tmp_path / "logs" / "adamw")
    (tmp_path / "logs" / "loop").symlink_to(tmp_path / "logs")
    ledger = read_logs([tmp_path / "logs"])
    assert [trial.submission for trial in ledger.trials] == ["adamw"]
    assert ["not followed" in problem.text for problem in ledger.problems] == [True, True]


def test_a_broken_archive_and_a_missing_place_are_reported(tmp_path: Path) -> None:
    (tmp_path / "x.tar.xz").write_bytes(b"no archive")
    first, second = errors(read_logs([tmp_path / "x.tar.xz", tmp_path / "nowhere"]))
    assert "does not exist" in first and "is damaged or no archive" in second


def write_events(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").write_text(text)
    return folder


def test_event_logs_are_found_anywhere_and_identified_by_their_start(tmp_path: Path) -> None:
    text = events_text([0.2, 0.1], study=2, trial=3, outcome=timing_pb2.BUDGET_EXHAUSTED)
    folder = write_events(tmp_path / "study_9" / "wmt_jax" / "trial_8", text)
    ledger = read_logs([tmp_path])
    (trial,) = ledger.trials
    assert trial.key == ("adamw", "criteo1tb", "study_2", "trial_3")
    assert (trial.framework, trial.origin) == ("jax", f"{folder}/events.jsonl")
    assert trial.times_sec.tolist() == [100, 200]
    assert (trial.facts.ended, trial.facts.final_time_sec) == ("BUDGET_EXHAUSTED", 250)
    assert (trial.facts.hardware, trial.facts.versions["python"]) == ("2x H200", "3.11.7")
    assert not ledger.problems


def test_our_own_official_export_beside_the_events_is_not_read_back(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.9]), tmp_path)
    write_events(folder, events_text([0.2]))
    (trial,) = read_logs([tmp_path]).trials
    assert trial.columns["validation/loss"].tolist() == [0.2]


def test_a_torn_last_line_is_survived(tmp_path: Path) -> None:
    text = events_text([0.2, 0.1])
    write_events(tmp_path, text[: text.rindex('"evaluation"')])
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [100]
    (problem,) = ledger.problems
    assert "torn" in problem.text and not problem.is_error and problem.line == 3


def test_a_damaged_line_within_and_a_gap_are_errors(tmp_path: Path) -> None:
    lines = events_text([0.2, 0.1, 0.05]).splitlines(keepends=True)
    write_events(tmp_path, lines[0] + "{}}\n" + lines[2] + lines[3])
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [200, 300]
    assert [problem.line for problem in ledger.problems] == [2, 3]
    assert all(problem.is_error for problem in ledger.problems)


@pytest.mark.parametrize("time", ["-3", '"Infinity"', '"NaN"'])
def test_an_event_at_an_impossible_time_is_left_out(tmp_path: Path, time: str) -> None:
    text = events_text([0.2, 0.1, 0.05]).replace('"timedSec": 200.0', f'"timedSec": {time}')
    write_events(tmp_path, text)
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [100, 300]
    (problem,) = ledger.problems
    assert "timed_sec is" in problem.text and problem.line == 3 and problem.is_error


def test_a_run_that_goes_on_after_a_torn_line_loses_nothing(tmp_path: Path) -> None:
    lines = events_text([0.2, 0.1]).splitlines(keepends=True)
    write_events(tmp_path, lines[0] + lines[1] + lines[2][:30] + "\n" + lines[2])
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [100, 200]
    (problem,) = ledger.problems
    assert "torn" in problem.text and problem.line == 3 and not problem.is_error


def test_a_number_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    text = events_text([0.2]).replace('"framework": "JAX"', '"framework": 77')
    write_events(tmp_path, text)
    ledger = read_logs([tmp_path])
    assert not ledger.trials and "the trial does not count" in errors(ledger)[0]


def test_a_log_without_a_start_does_not_count(tmp_path: Path) -> None:
    write_events(tmp_path, "".join(events_text([0.2]).splitlines(keepends=True)[1:]))
    ledger = read_logs([tmp_path])
    assert not ledger.trials and any("trial_started" in text for text in errors(ledger))


def test_the_last_start_of_a_log_holds(tmp_path: Path) -> None:
    """It is written again when set-up has found what the devices are."""
    events = [json.loads(line) for line in events_text([0.2]).splitlines()]
    before = json.loads(json.dumps(events[0]))
    del before["trialStarted"]["provenance"]["accelerators"]
    events.insert(0, before)
    for sequence, event in enumerate(events):
        event["sequence"] = sequence
    write_events(tmp_path, "".join(json.dumps(event) + "\n" for event in events))
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].facts.hardware == "2x H200"
    assert not ledger.problems


def test_a_resumed_trial_counts_on_its_resumed_timeline(tmp_path: Path) -> None:
    write_events(tmp_path, events_text([0.3, 0.2, 0.1], resume_after=0))
    (trial,) = read_logs([tmp_path]).trials
    assert trial.columns[STEP].tolist() == [1, 11, 21]
    assert trial.columns["preemption_count"].tolist() == [0, 1, 1]


def test_a_metric_that_is_not_a_number_is_read_as_such(tmp_path: Path) -> None:
    write_events(tmp_path, events_text([0.3, math.nan, math.inf]))
    values = read_logs([tmp_path]).trials[0].columns["validation/loss"]
    np.testing.assert_array_equal(values, [0.3, math.nan, math.inf])


def test_events_can_be_written_in_the_official_layout(tmp_path: Path) -> None:
    write_events(tmp_path / "runs", events_text([0.2, 0.1], framework=submission_pb2.PYTORCH))
    (trial,) = read_logs([tmp_path / "runs"]).trials
    folder = write_trial(trial, tmp_path / "official")
    assert folder == tmp_path / "official/adamw/study_0/criteo1tb_pytorch/trial_1"
    header, first, _ = (folder / "eval_measurements.csv").read_text().splitlines()
    assert header.split(",") == sorted(header.split(","))
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    assert (cells["score"], cells["global_step"], cells["validation/loss"]) == ("100.0", "1", "0.2")
    assert json.loads((folder / "meta_data_0.json").read_text())["rng_seed"] == 7
    assert same(read_logs([tmp_path / "official"]).trials[0], trial)


def test_two_logs_of_one_trial_are_not_written_over_each_other(tmp_path: Path) -> None:
    trials = [make_trial([0.2]), make_trial([0.2], study=1), make_trial([0.1])]
    with pytest.raises(ExportError, match="would be written twice"):
        write_trials(trials, tmp_path / "out")


def test_names_that_are_no_folders_are_not_written(tmp_path: Path) -> None:
    for name in ("..", "a/b", ""):
        with pytest.raises(ValueError, match="cannot be the name of a folder"):
            write_trial(make_trial([0.2], submission=name), tmp_path / "out")
    with pytest.raises(ValueError, match="not jax or pytorch"):
        write_trial(make_trial([0.2], framework=""), tmp_path / "out")
    assert not (tmp_path / "out").exists()
