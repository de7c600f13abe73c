"""The decisions of the timing protocol (spec/timing.proto), as pure functions of its constants."""

import dataclasses
import math
import re
from collections.abc import Mapping

from spec.metrics import direction, meets, metric_name
from spec.ruleset_pb2 import Ruleset
from spec.timing_pb2 import Outcome, TimingProtocol
from spec.workload_pb2 import Rules, Workload

_VALIDATION_LOSS = re.compile(r"validation/(.*_)?loss")


def budget_sec(ruleset: Ruleset, rules: Rules) -> float:
    """Timed seconds a trial may use; infinite where the workload states none."""
    return rules.max_runtime_sec * ruleset.budget_factor if rules.max_runtime_sec else math.inf


def step_limit(ruleset: Ruleset, rules: Rules, max_steps: int = 0) -> int:
    """Steps after which a trial ends, the less of the ruleset's and the run's limit; 0 for none."""
    limits = [int(ruleset.step_limit_factor * rules.step_hint), max_steps]
    return min((limit for limit in limits if limit), default=0)


def evaluation_due(
    protocol: TimingProtocol,
    rules: Rules,
    step: int,
    is_last_step: bool,
    now_sec: float,
    last_evaluation_sec: float | None,
) -> bool:
    """Whether an evaluation follows step number `step`, the first being 1.

    Args:
      protocol: states the first step that an evaluation follows.
      rules: state the period, in wall seconds since the end of the last evaluation.
      step: steps taken.
      is_last_step: whether training ends here; then there is a last evaluation.
      now_sec: wall seconds since the first step began.
      last_evaluation_sec: the same at the end of the last evaluation; None before the first.
    """
    if is_last_step:
        return True
    if last_evaluation_sec is None:
        return step >= protocol.first_evaluation_step
    return now_sec - last_evaluation_sec >= rules.eval_period_sec


def budget_ends_trial(
    protocol: TimingProtocol, timed_sec: float, budget_sec: float, is_evaluation_due: bool
) -> bool:
    """Whether the trial ends now, without an evaluation, because its timed seconds are used up."""
    is_checked = is_evaluation_due or protocol.budget_check == TimingProtocol.EVERY_STEP
    is_evaluated_anyway = is_evaluation_due and protocol.evaluate_past_budget
    return timed_sec >= budget_sec and is_checked and not is_evaluated_anyway


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What one evaluation says about the targets. A target that does not exist is met."""

    is_finite: bool  # target metric and losses on validation; an accuracy of NaN logits is a number
    validation_target_met: bool
    test_target_met: bool
    scores: bool  # whether scoring, which always compares inclusively, counts it as a hit


def judge(
    workload: Workload, rules: Rules, protocol: TimingProtocol, metrics: Mapping[str, float]
) -> Judgement:
    """Compares an evaluation's metrics with the targets, as strictly as the ruleset says."""
    name = metric_name(workload.target_metric)
    better = direction(workload.target_metric)
    comparison = protocol.target_comparison
    validation = metrics[f"validation/{name}"]
    return Judgement(
        is_finite=not not_finite(workload, metrics),
        validation_target_met=meets(validation, rules.validation_target, better, comparison),
        test_target_met=not rules.HasField("test_target")
        or meets(metrics.get(f"test/{name}", math.nan), rules.test_target, better, comparison),
        scores=meets(validation, rules.validation_target, better),
    )


def not_finite(workload: Workload, metrics: Mapping[str, float]) -> list[str]:
    """Which of the target metric and the losses on validation are no finite numbers."""
    target = f"validation/{metric_name(workload.target_metric)}"
    looked_at = [target, *(key for key in metrics if _VALIDATION_LOSS.fullmatch(key))]
    return [name for name in dict.fromkeys(looked_at) if not math.isfinite(metrics[name])]


@dataclasses.dataclass
class Standing:
    """What is true of a trial so far, and stays true: the targets may be met at different times."""

    validation_target_met: bool = False
    test_target_met: bool = False
    has_diverged: bool = False
    is_budget_exhausted: bool = False
    is_step_limit_reached: bool = False
    is_completed_by_submission: bool = False
    time_to_target_sec: float | None = None  # at the first evaluation that scores

    def add(self, judgement: Judgement, timed_sec: float) -> None:
        """Takes note of an evaluation that was made at `timed_sec`."""
        if judgement.scores and self.time_to_target_sec is None:
            self.time_to_target_sec = timed_sec
        self.validation_target_met |= judgement.validation_target_met
        self.test_target_met |= judgement.test_target_met
        self.has_diverged |= not judgement.is_finite

    @property
    def is_last_step(self) -> bool:
        """Whether no step may follow, whatever the evaluation says."""
        return self.is_step_limit_reached or self.is_completed_by_submission


def outcome(protocol: TimingProtocol, standing: Standing) -> Outcome | None:
    """How the trial ended; None while it goes on. Of several reasons the first here holds."""
    if standing.has_diverged:
        return Outcome.DIVERGED
    test_target_met = standing.test_target_met or not protocol.wait_for_test_target
    if standing.validation_target_met and test_target_met:
        return Outcome.TARGET_REACHED
    if standing.is_budget_exhausted:
        end = Outcome.BUDGET_EXHAUSTED
    elif standing.is_step_limit_reached:
        end = Outcome.STEP_LIMIT
    elif standing.is_completed_by_submission:
        end = Outcome.COMPLETED_BY_SUBMISSION
    else:
        return None
    return Outcome.TARGET_REACHED if standing.validation_target_met else end
