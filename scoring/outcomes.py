"""How each trial ended: one name per trial, with the evidence.

Logs of ours say it. Official logs do not: there it is inferred from what is in them.
"""

import dataclasses
import enum
import math

import numpy as np

from scoring.records import STEP, Array, Trial
from scoring.rules import WorkloadRules
from scoring.times import Hit, median


class Ending(enum.Enum):
    """Endings of trials: the recorded outcomes (spec/timing.proto) and what is known where none was
    recorded.
    """

    TARGET_REACHED = "target reached"
    BUDGET_EXHAUSTED = "budget exhausted"
    STEP_LIMIT = "step limit"
    COMPLETED_BY_SUBMISSION = "completed by the submission"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out of memory"
    SUBMISSION_ERROR = "error of the submission"
    HARNESS_ERROR = "error of the harness"
    INTERRUPTED = "interrupted"
    ENDED_EARLY = "ended early"
    ENDED_AFTER_FIRST_EVALUATION = "ended after the first evaluation"
    NO_EVALUATION = "no evaluation"
    UNKNOWN_WORKLOAD = "unknown workload"


CRASHES = frozenset(
    {
        Ending.OUT_OF_MEMORY,
        Ending.SUBMISSION_ERROR,
        Ending.HARNESS_ERROR,
        Ending.INTERRUPTED,
        Ending.ENDED_EARLY,
        Ending.ENDED_AFTER_FIRST_EVALUATION,
        Ending.NO_EVALUATION,
    }
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a trial ended and what shows it. `inferred` is False where the log itself says so."""

    ending: Ending
    evidence: str
    inferred: bool = True

    @property
    def crashed(self) -> bool:
        """Whether the trial broke off before its target and before the end of what it was given."""
        return self.ending in CRASHES


def outcome(trial: Trial, rules: WorkloadRules | None, hit: Hit) -> Outcome:
    """How the trial ended. A trial that reached its target within the budget has reached it,
    whatever came later.
    """
    if rules is None:
        return Outcome(Ending.UNKNOWN_WORKLOAD, f"no rules for workload {trial.workload}")
    if hit.reached:
        value = trial.columns[rules.metric][hit.row]
        evidence = f"{rules.metric} {value:.6g} at {hit.time_sec:.1f} s, target {rules.target:.6g}"
        return Outcome(Ending.TARGET_REACHED, evidence)
    recorded = Ending.__members__.get(trial.facts.ended or "")
    if recorded not in (None, Ending.TARGET_REACHED):
        return Outcome(recorded, trial.facts.message, inferred=False)
    if trial.facts.ended is None and trial.facts.message:  # a log of ours without an end
        return Outcome(Ending.INTERRUPTED, trial.facts.message, inferred=False)
    if not trial.num_evaluations:
        return Outcome(Ending.NO_EVALUATION, _training_seen(trial))
    if diverged := _divergence(trial, rules):
        return Outcome(Ending.DIVERGED, diverged)
    return _end_of_loop(trial, rules)


def _training_seen(trial: Trial) -> str:
    if trial.facts.final_step is not None:
        return f"no evaluation in the log; training got to step {trial.facts.final_step}"
    return "no evaluation in the log"


def _divergence(trial: Trial, rules: WorkloadRules) -> str:
    """Evidence of divergence: target metric or loss on validation are not finite from some row to
    the last.
    """
    for name in (rules.metric, rules.loss):
        finite = np.isfinite(trial.columns.get(name, np.zeros(1)))
        if finite.size and not finite[-1]:
            row = int(finite.nonzero()[0][-1]) + 1 if finite.any() else 0
            return f"{name} is not a finite number from evaluation {row + 1} of {finite.size} on"
    return ""


def _end_of_loop(trial: Trial, rules: WorkloadRules) -> Outcome:
    """Which limit a trial met, if it met one."""
    facts = trial.facts
    time, step = trial.final_time_sec, trial.final_step
    used = f"{time:.0f} s of a budget of {rules.budget_sec:.0f} s, step {step}"
    if time >= rules.budget_sec:
        return Outcome(Ending.BUDGET_EXHAUSTED, used)
    limit = rules.step_limit if facts.are_none else facts.step_limit
    if limit and step >= limit:
        return Outcome(Ending.STEP_LIMIT, f"{used} of {limit}")
    if trial.loop_ended:
        return Outcome(Ending.COMPLETED_BY_SUBMISSION, f"{used}; the training loop ended by itself")
    # Without the loop's last row: the evaluation after the last one would have been past the
    # budget or, where the log does not say how far the loop got, past the last step.
    if time + _usual_gap(trial.times_sec) >= rules.budget_sec:
        return Outcome(Ending.BUDGET_EXHAUSTED, f"{used} at the last evaluation")
    if facts.are_none and limit and step + _usual_gap(trial.columns[STEP]) >= limit:
        return Outcome(Ending.STEP_LIMIT, f"{used} of {limit} at the last evaluation")
    if trial.num_evaluations == 1:
        return Outcome(Ending.ENDED_AFTER_FIRST_EVALUATION, f"{used}; nothing after it")
    if math.isinf(rules.budget_sec):
        return Outcome(Ending.ENDED_EARLY, f"{time:.0f} s, step {step}; no budget is known")
    return Outcome(Ending.ENDED_EARLY, f"{used}; nothing after it")


def _usual_gap(values: Array) -> float:
    """How far the next value may be off, and some more; 0 where there is one value alone."""
    return 1.5 * float(median(np.diff(values))) if len(values) > 1 else 0.0
