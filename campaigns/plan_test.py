import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import plan as plans
from harness import command, submission, tuning
from harness.errors import UsageError
from spec import loading
from spec.event_pb2 import TrialStarted
from spec.plan_pb2 import Plan
from spec.submission_pb2 import Framework

SPACE = '{"rate": {"min": 0.1, "max": 1.0, "scaling": "log"}, "size": {"feasible_points": [2, 3]}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A submission that nothing is asked of."""
    folder = tmp_path / "mine"
    folder.mkdir()
    manifest = 'name: "mine" title: "Mine" frameworks: JAX search_space: "space.json"'
    (folder / "manifest.textproto").write_text(manifest)
    (folder / "submission_jax.py").write_text("")
    (folder / "space.json").write_text(SPACE)
    return folder


def make(folder: Path, num_studies: int = 2, num_trials: int = 3, seed: int = 0) -> Plan:
    source = submission.find(str(folder), folder, Framework.JAX)
    return plans.make(
        str(folder),
        source,
        Framework.JAX,
        loading.load_ruleset("v0.6", "external"),
        [loading.load_workload(name) for name in ("digits_vit", "tiny/mnist")],
        source.search_space(),
        num_studies=num_studies,
        num_trials=num_trials,
        seed=seed,
        max_steps=7,
    )


def test_a_plan_has_the_official_points_in_an_order_of_the_study(folder: Path) -> None:
    plan = make(folder, num_trials=5)
    expected = [json.dumps(p) for p in tuning.draw_points(json.loads(SPACE), 5)]
    orders = []
    for study in (0, 1):
        found = [p.hyperparameters for p in plan.points if p.study == study]
        assert sorted(found) == sorted(expected)
        orders.append(found)
    assert orders[0] != orders[1]
    assert make(folder, num_trials=5) == plan


def test_budgets_are_those_of_the_rules(folder: Path) -> None:
    first = make(folder).workloads[0]
    rules = loading.load_workload("digits_vit").rules["v0.6"]
    assert (first.budget_sec, first.step_limit) == (rules.max_runtime_sec, 7)


def test_seeds_of_trials_follow_from_seed_study_and_trial() -> None:
    # SHA-256 of `tandem-rng-1 NUL 0 NUL trial NUL 0/1 NUL 0`, the first 8 bytes, little-endian.
    assert plans.trial_seed(0, 0, 1) == 16690569571390493113
    numbers = [(seed, s, t) for seed in (0, 1) for s in range(12) for t in range(1, 12)]
    assert len({plans.trial_seed(*which) for which in numbers}) == len(numbers)


def test_trials_are_all_pairs_and_begin_with_one_of_each(folder: Path) -> None:
    found = [trial.name for trial in plans.trials(make(folder))]
    assert found[:5] == [
        "digits_vit/study_0/trial_1",
        "tiny_mnist/study_0/trial_1",
        "digits_vit/study_1/trial_1",
        "tiny_mnist/study_1/trial_1",
        "digits_vit/study_0/trial_2",
    ]
    assert len(set(found)) == len(found) == 2 * 2 * 3


@given(st.integers(0, 2**64 - 1))
def test_a_file_gives_back_the_plan(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.textproto"
    source = submission.find("nadamw", Path("nadamw"), Framework.JAX)
    ruleset, workload = loading.load_ruleset("v0.6", "self"), loading.load_workload("wmt")
    plan = plans.make(
        "nadamw", source, Framework.JAX, ruleset, [workload], None,
        num_studies=3, num_trials=1, seed=seed,
    )  # fmt: skip
    plans.write(plan, path)
    assert plans.read(path) == plan
    assert list(plans.outdated(plan)) == []


def test_the_command_of_a_trial_asks_for_that_trial(folder: Path) -> None:
    """What `tandem run` makes of the arguments is what the plan says, types of numbers included."""
    for planned in plans.trials(make(folder)):
        arguments = command.parser("jax").parse_args(planned.arguments())
        trial, source = command.describe(arguments, Framework.JAX)
        point = command.choose_point(arguments, trial, source)
        assert point == json.loads(planned.point.hyperparameters)
        assert point is not None
        assert isinstance(point["size"], int)
        stated = TrialStarted(
            study=planned.point.study,
            trial=planned.point.trial,
            seed=planned.point.seed,
            budget_sec=planned.workload.budget_sec,
            step_limit=7,
            submission_sha256=planned.plan.submission_sha256,
        )
        for field, value in stated.ListFields():
            assert getattr(trial, field.name) == value
        assert trial.workload.name == planned.workload.name


def test_another_plan_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "plan.textproto"
    plans.write(make(folder), path)
    plans.write(make(folder), path)  # the same one is no other
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists and says something else"):
        plans.write(make(folder, seed=1), path)
    assert path.read_bytes() == before


def test_what_changed_since_is_named(folder: Path) -> None:
    plan = make(folder)
    assert list(plans.outdated(plan)) == []
    (folder / "submission_jax.py").write_text("1")
    plan.workloads[1].sha256 = "0"
    plan.ruleset.budget_factor = 9
    assert list(plans.outdated(plan)) == [
        f"submission {folder} has changed",
        "ruleset v0.6 external has changed",
        "workload tiny/mnist has changed",
    ]


def test_a_plan_of_colliding_trials_is_refused(folder: Path, tmp_path: Path) -> None:
    plan = make(folder)
    plan.points.append(plan.points[0])
    path = tmp_path / "plan.textproto"
    path.write_text(plans.to_text(plan))
    with pytest.raises(loading.SpecError, match="2 trials would write to digits_vit/study_0"):
        plans.read(path)
    path.write_text("points { trial: 0 }")
    with pytest.raises(loading.SpecError, match="submission is missing"):
        plans.read(path)
