"""All readers together: what stands on disk or in an archive, as trials."""

import itertools
import json
import lzma
import math
from pathlib import Path

import pytest

from scoring.export import ExportError, write_trial, write_trials
from scoring.outcomes import outcome
from scoring.readers.logs import read_logs
from scoring.records import Facts
from scoring.testing import (
    TIDY_HEADER,
    errors,
    events_text,
    make_trial,
    rules_v05,
    same,
    some_trials,
    write_events,
    write_tidy,
)
from scoring.times import first_hit
from spec import submission_pb2, timing_pb2


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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("eval_measurements.csv", "eval_measurement.csv"),
        ("eval_measurements.csv", "Eval_measurements.csv"),
        ("criteo1tb_jax", "criteo1tb"),
        ("criteo1tb_jax", "criteo1tb_JAX"),
        ("trial_1", "Trial_1"),
    ],
)
def test_evaluations_under_another_name_or_place_are_an_error(
    tmp_path: Path, old: str, new: str
) -> None:
    folder = write_trial(make_trial([0.2]), tmp_path)
    path = folder / "eval_measurements.csv"
    moved = Path(str(path).replace(old, new))
    moved.parent.mkdir(parents=True, exist_ok=True)
    path.rename(moved)
    ledger = read_logs([tmp_path])
    assert not any(trial.num_evaluations for trial in ledger.trials)
    (error,) = errors(ledger)
    assert error.startswith(f"{moved}:1: is not read: evaluations, expected as <submission>")


def test_both_forms_of_one_log_are_read_and_compared(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.3, 0.2]), tmp_path)
    path = folder / "eval_measurements.csv"
    other = folder / "eval_measurements.csv.xz"
    other.write_bytes(lzma.compress(path.read_bytes()))
    ledger = read_logs([tmp_path])
    (trial,) = ledger.trials
    (problem,) = ledger.problems
    assert (trial.origin, problem.path) == (str(folder), str(other))
    assert problem.text == f"left out: the same evaluations as {folder}"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [1, 2]
    (problem,) = ledger.problems
    assert problem.text == f"another log of the same trial also counts: {other}"


def test_files_given_one_by_one_are_read_as_their_trial(tmp_path: Path) -> None:
    facts = Facts(loop_ended=True, final_time_sec=250.0, final_step=25)
    folder = write_trial(make_trial([0.3, 0.2], facts=facts), tmp_path)
    for names in (["eval_measurements.csv", "measurements.csv"], ["measurements.csv"]):
        ledger = read_logs([folder / name for name in names])
        (trial,) = ledger.trials
        assert (trial.num_evaluations, trial.facts) == (2, facts) and not ledger.problems


def test_timestamped_siblings_belong_to_the_submission(tmp_path: Path) -> None:
    write_trial(make_trial([0.2, 0.1]), tmp_path)
    write_trial(make_trial([0.3], submission="adamw-2024-08-01-10-11-12", study=1), tmp_path)
    write_trial(make_trial([0.3], submission="adamw-2024"), tmp_path)
    found = {(t.submission, t.study) for t in read_logs([tmp_path]).trials}
    assert found == {("adamw", "study_0"), ("adamw", "study_1"), ("adamw-2024", "study_0")}


@pytest.mark.parametrize("study", [0, 1])
def test_a_submission_in_two_places_is_noted(tmp_path: Path, study: int) -> None:
    """But copies are one, wherever they lie."""
    write_trial(make_trial([0.2, 0.1]), tmp_path / "a")
    write_trial(make_trial([0.2, 0.1], study=study), tmp_path / "b")
    ledger = read_logs([tmp_path])
    told = [p for p in ledger.problems if "its trials lie in 2 places" in p.text]
    assert [p.text.count(str(tmp_path)) for p in told] == ([2] if study else [])
    assert not errors(ledger) and len(ledger.trials) == 1 + study


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
    assert ledger.trials[0].facts.hyperparameters is None
    first, second = errors(ledger)
    assert first.startswith(f"{folder}/eval_measurements.csv:4: row left out: 3 cells")
    assert second.startswith(f"{folder}/hparams.json:2: is no JSON")
    (folder / "hparams.json").write_text("[]")
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].facts.hyperparameters is None and len(errors(ledger)) == 2


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


@pytest.mark.parametrize("point", ["[" * 100_000, "[]"])
def test_hyperparameters_that_are_none_cost_their_row_alone(tmp_path: Path, point: str) -> None:
    write_tidy(tmp_path, [make_trial([0.2])], ".csv")
    header = "version,ruleset,submission,workload,framework,study,trial,has_eval_csv,hparams_json"
    row = f"v05,external,adamw,criteo1tb,jax,0,2,False,{point}"
    (tmp_path / "trials.csv").write_text(f"{header}\n{row}\n")
    ledger = read_logs([tmp_path])
    assert len(ledger.trials) == 1 and "trials.csv:2: row left out" in errors(ledger)[0]


@pytest.mark.parametrize("ending", [".csv", ".csv.xz"])
def test_tidy_tables_give_the_same_trials(tmp_path: Path, ending: str) -> None:
    written = some_trials()
    write_tidy(tmp_path, written, ending)
    ledger = read_logs([tmp_path])
    assert not errors(ledger)
    assert ["no table of trials" in problem.text for problem in ledger.problems] == [True, True]
    assert all(itertools.starmap(same, zip(ledger.trials, written, strict=True)))


@pytest.mark.parametrize("version", ["v05", "v0.5"])
def test_a_tidy_table_says_what_it_was_made_for_with_or_without_a_dot(
    tmp_path: Path, version: str
) -> None:
    write_tidy(tmp_path, [make_trial([0.2])], ".csv")
    (path,) = tmp_path.iterdir()
    path.rename(tmp_path / f"evals_{version}_external_adamw.csv")
    header = "version,ruleset,submission,workload,framework,study,trial,has_eval_csv"
    row = f"{version},external,adamw,criteo1tb,jax,0,2,False"
    (tmp_path / "trials.csv").write_text(f"{header}\n{row}\n")
    ledger = read_logs([tmp_path])
    assert [(t.submission, t.trial) for t in ledger.trials] == [
        ("adamw", "trial_1"),
        ("adamw", "trial_2"),
    ]
    assert {t.facts.made_for for t in ledger.trials} == {("v0.5", "external")}
    assert not ledger.problems


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


def test_logs_of_other_rulesets_are_left_out_where_they_lie_beside(tmp_path: Path) -> None:
    for place, num in [("external_tuning", 2), ("self_tuning", 3)]:
        write_trial(make_trial([0.2] * num), tmp_path / "algoperf_v05" / "logs" / place)
    write_tidy(tmp_path, [make_trial([0.2], study=3)], ".csv")
    write_events(tmp_path / "runs", events_text([0.2], study=4))  # v0.6 external
    assert len(read_logs([tmp_path]).trials) == 4
    ledger = read_logs([tmp_path], ("v0.5", "external"))
    assert [trial.study for trial in ledger.trials] == ["study_0", "study_3"]
    assert any("2 trials that were not made for v0.5" in p.text for p in ledger.problems)
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
    assert len(ledger.trials) == 1 and not errors(ledger)


def test_our_own_official_export_beside_the_events_is_not_read_back(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.9]), tmp_path)
    write_events(folder, events_text([0.2]))
    (trial,) = read_logs([tmp_path]).trials
    assert trial.columns["validation/loss"].tolist() == [0.2]


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


def test_the_official_layout_keeps_the_ruleset_and_a_name_with_a_slash(tmp_path: Path) -> None:
    text = events_text([0.2, 0.1], workload="tiny/criteo1tb")
    write_events(tmp_path / "runs", text)
    (trial,) = read_logs([tmp_path / "runs"]).trials
    assert trial.facts.made_for == ("v0.6", "external")
    folder = write_trial(trial, tmp_path / "official")
    assert folder.parent.name == "tiny_criteo1tb_jax"
    (again,) = read_logs([tmp_path / "official"]).trials
    assert same(again, trial) and again.facts.made_for == trial.facts.made_for


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"workload": "wmt", "tuning_ruleset": "self"}, ("criteo1tb", "self")),
        ({"workload": ["criteo1tb"], "tuning_ruleset": "../external"}, ("criteo1tb", "")),
    ],
)
def test_flags_that_do_not_fit_their_folder_are_not_believed(
    tmp_path: Path, flags: dict[str, object], expected: tuple[str, str]
) -> None:
    folder = write_trial(make_trial([0.2]), tmp_path)
    (folder / "flags_0.json").write_text(json.dumps(flags))
    (folder / "meta_data_0.json").write_text(json.dumps({"ruleset.version": "v0.5/../.."}))
    (trial,) = read_logs([tmp_path]).trials
    assert (trial.workload, trial.facts.made_for) == (expected[0], ("", expected[1]))


@pytest.mark.parametrize("name", timing_pb2.Outcome.keys()[1:])
def test_a_crash_is_one_in_the_official_layout_too(tmp_path: Path, name: str) -> None:
    """The runner writes its last row when its loop ends; a crash ends no loop."""
    number, rules = timing_pb2.Outcome.Value(name), rules_v05().workloads["criteo1tb"]
    values = {"TARGET_REACHED": [0.2, 0.1], "DIVERGED": [0.2, math.nan]}.get(name, [0.2, 0.2])
    write_events(tmp_path / "runs", events_text(values, outcome=number))
    (trial,) = read_logs([tmp_path / "runs"]).trials
    write_trial(trial, tmp_path / "official")
    (again,) = read_logs([tmp_path / "official"]).trials
    before, after = (outcome(one, rules, first_hit(one, rules)) for one in (trial, again))
    assert before.ending.name == name
    assert after.crashed == before.crashed
    # Budget and steps of the made-up trial are not used up: the official log cannot tell.
    told = ("TARGET_REACHED", "DIVERGED", "COMPLETED_BY_SUBMISSION")
    assert name not in told or after.ending is before.ending


def test_a_tidy_table_keeps_how_far_its_trial_got_in_the_official_layout(tmp_path: Path) -> None:
    facts = Facts(final_time_sec=250.0, final_step=25)  # and nothing about the loop
    write_trial(make_trial([0.3, 0.2], facts=facts), tmp_path)
    (trial,) = read_logs([tmp_path]).trials
    assert (trial.facts.final_time_sec, trial.facts.final_step) == (250, 25)
    assert trial.loop_ended


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
