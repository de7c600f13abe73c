"""What a ruleset asks of each workload, as plain numbers."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

from scoring.records import Trial
from spec import metrics, ruleset_pb2, workload_pb2
from spec.loading import SpecError, load_workload
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
    unknown: tuple[str, ...]  # workloads in the logs that no rules are known for

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
      SpecError: a workload to be scored has no rules under the ruleset's version.
    """
    recorded = {trial.workload: trial.facts.workload for trial in trials}
    base = tuple(workloads if workloads is not None else ruleset.base_workloads)
    held_out = {} if workloads is not None else {h.workload: h.base for h in ruleset.held_out}
    known: dict[str, WorkloadRules] = {}
    unknown = []
    for name in [*base, *held_out]:
        known[name] = _workload_rules(name, ruleset, recorded.get(name))
    for name in sorted(recorded.keys() - known.keys()):
        try:
            known[name] = _workload_rules(name, ruleset, recorded[name])
        except SpecError:
            unknown.append(name)
    return Rules(
        ruleset,
        known,
        base,
        held_out,
        is_chosen=workloads is not None,
        held_out_if_run=False,
        unknown=tuple(unknown),
    )


def as_official(rules: Rules) -> Rules:
    """The rules as the official code has them.

    In a version without held-out workloads, any other workload in the logs acts as one for the
    first base workload whose name it contains. Workloads that were asked for are left as they are.
    """
    if rules.is_chosen or rules.ruleset.held_out:
        return rules
    bases = {name: [base for base in rules.base if base in name] for name in rules.workloads}
    held_out = {name: found[0] for name, found in bases.items() if found and name not in rules.base}
    workloads = {name: rules.workloads[name] for name in (*rules.base, *held_out, *rules.workloads)}
    return dataclasses.replace(
        rules, workloads=workloads, held_out=held_out, held_out_if_run=True
    )


def _workload_rules(
    name: str, ruleset: ruleset_pb2.Ruleset, recorded: workload_pb2.Workload | None
) -> WorkloadRules:
    """From the specification, or from the log where the specification lacks the workload."""
    try:
        workload = load_workload(name)
    except SpecError:
        if recorded is None:
            raise
        workload = recorded
    if ruleset.version not in workload.rules:
        versions = ", ".join(sorted(workload.rules))
        raise SpecError(f"workload {name} has no rules under {ruleset.version}; it has: {versions}")
    rules = workload.rules[ruleset.version]
    names = metrics.family_names(workload.metrics)
    limited = rules.HasField("max_runtime_sec")
    return WorkloadRules(
        name=name,
        title=workload.title,
        metric=f"validation/{metrics.metric_name(workload.target_metric)}",
        loss=f"validation/{next(n for n in names if n.endswith('loss'))}",
        direction=metrics.direction(workload.target_metric),
        target=rules.validation_target,
        budget_sec=rules.max_runtime_sec * ruleset.budget_factor if limited else math.inf,
        eval_period_sec=rules.eval_period_sec,
        step_limit=int(rules.step_hint * ruleset.step_limit_factor),
        base=workload.base or None,
    )
