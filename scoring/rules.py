"""What a ruleset asks of each workload, as plain numbers."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

from scoring.records import Trial
from spec import metrics, ruleset_pb2, workload_pb2
from spec.loading import SpecError, load_workload, names
from spec.metrics import Direction


@dataclasses.dataclass(frozen=True)
class WorkloadRules:
    """Target and budget of one workload under a ruleset."""

    name: str
    title: str
    metric: str  # column of the logs, for example validation/wer
    loss: str  # column of the validation loss
    direction: Direction
    target: float
    budget_sec: float  # with the ruleset's factor; inf for none
    eval_period_sec: float  # 0 where none is stated
    step_limit: int  # with the ruleset's factor; 0 for none
    base: str | None  # the workload this one is a variant of


@dataclasses.dataclass(frozen=True)
class Rules:
    """A ruleset with the rules of every workload that occurs."""

    ruleset: ruleset_pb2.Ruleset
    workloads: Mapping[str, WorkloadRules]  # base workloads, held-out ones, then others in the logs
    base: tuple[str, ...]  # make up the score; their number is its denominator
    held_out: Mapping[str, str]  # held-out workload -> base workload
    is_chosen: bool  # whether `base` was asked for instead of the ruleset's workloads
    held_out_if_run: bool  # whether `held_out` are the variants that happen to be in the logs
    unknown: Mapping[str, str]  # workloads in the logs that no rules are known for -> why

    @property
    def counted(self) -> tuple[str, ...]:
        """The workloads whose logs can change a score."""
        return (*self.base, *self.held_out)

    @property
    def name(self) -> str:
        tuning = ruleset_pb2.Ruleset.Tuning.Name(self.ruleset.tuning).lower()
        return f"{self.ruleset.version} {tuning}"


def resolve(
    ruleset: ruleset_pb2.Ruleset, trials: Iterable[Trial], workloads: Sequence[str] | None = None
) -> Rules:
    """Rules for the ruleset's workloads and all that occur in the trials.

    Args:
      ruleset: The ruleset to score by.
      trials: Trials whose logs may describe workloads that the specification does not hold.
      workloads: Score these instead of the ruleset's base workloads, and without held-out ones.

    Raises:
      SpecError: a workload to be scored has no rules under the ruleset's version, or different ones
        in different logs.
    """
    recorded: dict[str, list[Trial]] = {}
    for trial in trials:
        recorded.setdefault(trial.workload, []).append(trial)
    base = tuple(workloads if workloads is not None else ruleset.base_workloads)
    held_out = {} if workloads is not None else {h.workload: h.base for h in ruleset.held_out}
    known: dict[str, WorkloadRules] = {}
    unknown = {}
    for name in [*base, *held_out]:
        known[name] = _rules_for(name, ruleset, recorded.get(name, []))
    for name in sorted(recorded.keys() - known.keys()):
        try:
            known[name] = _rules_for(name, ruleset, recorded[name])
        except SpecError as error:
            unknown[name] = str(error)
    return Rules(
        ruleset,
        known,
        base,
        held_out,
        is_chosen=workloads is not None,
        held_out_if_run=False,
        unknown=unknown,
    )


def as_official(rules: Rules) -> Rules:
    """The rules as the official code has them.

    In a version without held-out workloads, any variant of a base workload in the logs acts as one.
    (The official code goes by names alone, which tell variants as surely among its own workloads.)
    Workloads that were asked for are left as they are.
    """
    if rules.is_chosen or rules.ruleset.held_out:
        return rules
    held_out = {
        name: variant.base
        for name, variant in rules.workloads.items()
        if variant.base in rules.base and name not in rules.base
    }
    workloads = {name: rules.workloads[name] for name in (*rules.base, *held_out, *rules.workloads)}
    return dataclasses.replace(rules, workloads=workloads, held_out=held_out, held_out_if_run=True)


def _rules_for(name: str, ruleset: ruleset_pb2.Ruleset, trials: Sequence[Trial]) -> WorkloadRules:
    """From the specification, or from the logs where the specification lacks the workload."""
    recorded = [(t.facts.workload, t.origin) for t in trials if t.facts.workload is not None]
    if not recorded or name in names("workloads"):
        return _workload_rules(name, ruleset, load_workload(name))
    found = {_workload_rules(name, ruleset, each): origin for each, origin in recorded}
    if len(found) > 1:
        told = "; ".join(
            f"{rules.metric} {rules.target:g} within {rules.budget_sec:g} s in {origin}"
            for rules, origin in found.items()
        )
        raise SpecError(f"logs do not agree on the rules of workload {name}: {told}")
    return next(iter(found))


def _workload_rules(
    name: str, ruleset: ruleset_pb2.Ruleset, workload: workload_pb2.Workload
) -> WorkloadRules:
    if ruleset.version not in workload.rules:
        versions = ", ".join(sorted(workload.rules))
        raise SpecError(f"workload {name} has no rules under {ruleset.version}; it has: {versions}")
    rules = workload.rules[ruleset.version]
    columns = metrics.family_names(workload.metrics)
    budget_sec, step_limit = limits(workload, ruleset)
    return WorkloadRules(
        name=name,
        title=workload.title,
        metric=f"validation/{metrics.metric_name(workload.target_metric)}",
        loss=f"validation/{next(n for n in columns if n.endswith('loss'))}",
        direction=metrics.direction(workload.target_metric),
        target=rules.validation_target,
        budget_sec=budget_sec,
        eval_period_sec=rules.eval_period_sec,
        step_limit=step_limit,
        base=workload.base or None,
    )


def limits(workload: workload_pb2.Workload, ruleset: ruleset_pb2.Ruleset) -> tuple[float, int]:
    """Budget in seconds, inf for none, and step limit, 0 for none, with the ruleset's factors.

    Raises:
      SpecError: one of them is beyond all numbers.
    """
    rules = workload.rules[ruleset.version]
    budget_sec = rules.max_runtime_sec * ruleset.budget_factor
    steps = rules.step_hint * ruleset.step_limit_factor
    if math.isinf(budget_sec + steps):
        what = f"a budget of {budget_sec:g} s and a limit of {steps:g} steps"
        raise SpecError(f"workload {workload.name} has {what} under {ruleset.version}")
    return budget_sec if rules.HasField("max_runtime_sec") else math.inf, int(steps)
