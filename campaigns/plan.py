"""Plans: all trials of a campaign, fixed before anything runs (spec/plan.proto)."""

import collections
import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf import text_format

from harness import protocol, submission, tuning
from harness.errors import UsageError
from harness.submission import Source
from spec import loading, rng
from spec.files import write_text
from spec.plan_pb2 import Plan, PlannedPoint, PlannedWorkload
from spec.ruleset_pb2 import Ruleset
from spec.submission_pb2 import Framework
from spec.workload_pb2 import Workload

FILE = "plan.textproto"


@dataclasses.dataclass(frozen=True)
class PlannedTrial:
    """One trial of a plan: a workload with a point."""

    plan: Plan
    workload: PlannedWorkload
    point: PlannedPoint

    @property
    def name(self) -> str:
        """Path of the run folder in that of the campaign; scoring finds it at any depth."""
        workload = self.workload.name.replace("/", "_")
        return f"{workload}/study_{self.point.study}/trial_{self.point.trial}"

    @property
    def framework(self) -> str:
        return Framework.Name(self.plan.framework).lower()

    def arguments(self) -> list[str]:
        """What tells `tandem run` everything that this trial is. The same at every attempt."""
        ruleset = self.plan.ruleset
        options: dict[str, object] = {
            "--workload": self.workload.name,
            "--submission": self.plan.submission,
            "--rules": ruleset.version,
            "--ruleset": Ruleset.Tuning.Name(ruleset.tuning).lower(),
            "--study": self.point.study,
            "--trial": self.point.trial,
            "--seed": self.point.seed,
        }
        if self.point.hyperparameters:
            options["--point"] = self.point.hyperparameters
        if self.plan.max_steps:
            options["--max-steps"] = self.plan.max_steps
        return [str(word) for option in options.items() for word in option]


def trials(plan: Plan) -> list[PlannedTrial]:
    """All trials in the order in which they are started: the first of every workload and study,
    then the second, so that a campaign that is stopped early has something of everything.
    """
    points = sorted(plan.points, key=lambda point: (point.trial, point.study))
    pairs = itertools.product(points, plan.workloads)
    return [PlannedTrial(plan, workload, point) for point, workload in pairs]


def make(
    name: str,
    source: Source,
    framework: Framework,
    ruleset: Ruleset,
    workloads: Iterable[Workload],
    space: Path | None,
    *,
    num_studies: int,
    num_trials: int,
    seed: int = 0,
    max_steps: int = 0,
) -> Plan:
    """Plans `num_studies` studies of `num_trials` trials on each workload.

    `name` is what `submission.find` finds the source by: a name, or an absolute path. `space` is a
    search space or a list of points, None under self-tuning; the order in which a study tries points
    that are drawn follows from its number. `seed` is what the seeds of the trials follow from, with
    study and trial. `max_steps` limits a trial's steps besides the ruleset; 0 for no limit.

    Raises:
      UsageError, SpecError: the space is malformed or a workload has no rules of this version.
    """
    plan = Plan(
        submission=name,
        submission_sha256=source.sha256(),
        framework=framework,
        ruleset=ruleset,
        seed=seed,
        max_steps=max_steps,
    )
    for workload in workloads:
        rules = loading.rules_of(workload, ruleset.version)
        budget_sec = protocol.budget_sec(ruleset, rules)
        plan.workloads.add(
            name=workload.name,
            sha256=loading.message_sha256(workload),
            budget_sec=budget_sec if math.isfinite(budget_sec) else 0,
            step_limit=protocol.step_limit(ruleset, rules, max_steps),
        )
    for study in range(num_studies):
        for trial, hyperparameters in enumerate(_points(space, num_trials, study), start=1):
            plan.points.add(
                study=study,
                trial=trial,
                seed=trial_seed(seed, study, trial),
                hyperparameters=hyperparameters,
            )
    return plan


def _points(space: Path | None, num_trials: int, study: int) -> list[str]:
    """The hyperparameters of a study's trials as JSON; empty texts under self-tuning. A list of
    points may have fewer.
    """
    if space is None:
        return [""] * num_trials
    points = tuning.read_points(space, num_trials, seed=study)
    for point in points:
        tuning.as_object(point)
    return [json.dumps(point) for point in points]


def trial_seed(seed: int, study: int, trial: int) -> int:
    """The seed of a trial, from 0 to 2^64 - 1; the same for every workload."""
    return rng.seed_of(rng.key_words(seed, "trial", f"{study}/{trial}"))


def to_text(plan: Plan) -> str:
    return text_format.MessageToString(plan, as_utf8=True)


def write(plan: Plan, path: Path) -> None:
    """Writes a plan whole. It never takes the place of another one.

    Raises:
      UsageError: something else stands there, or it cannot be written.
    """
    try:
        if path.exists() and path.read_bytes() != to_text(plan).encode():
            raise UsageError(f"{path} exists and says something else; give another --out")
        write_text(path, to_text(plan))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def read(path: Path) -> Plan:
    """Reads a plan and checks it for itself.

    Raises:
      SpecError: it cannot be read or breaks a rule.
    """
    plan = loading.checked(loading.read_message(path, Plan), path)
    (name, count), *_ = collections.Counter(trial.name for trial in trials(plan)).most_common(1)
    if count > 1:
        raise loading.SpecError(f"{path}: {count} trials would write to {name}")
    return plan


def outdated(plan: Plan) -> Iterator[str]:
    """One line for everything that is not as it was when the plan was made."""
    path = Path(plan.submission)
    if submission.find(plan.submission, path, plan.framework).sha256() != plan.submission_sha256:
        yield f"submission {plan.submission} has changed"
    ruleset = plan.ruleset
    tuning_name = Ruleset.Tuning.Name(ruleset.tuning).lower()
    if loading.load_ruleset(ruleset.version, tuning_name) != ruleset:
        yield f"ruleset {ruleset.version} {tuning_name} has changed"
    for workload in plan.workloads:
        if loading.message_sha256(loading.load_workload(workload.name)) != workload.sha256:
            yield f"workload {workload.name} has changed"
