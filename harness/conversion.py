"""Carrying a trial from one framework to another: `tandem convert`.

A checkpoint holds parameters, model state and, where the manifest names its parts, the submission's
state under canonical names and in canonical layouts. These arrays are taken over as they are; what
only one framework knows, such as its generators, is left behind. No framework is needed for it.
"""

import dataclasses
import sys
from pathlib import Path

from harness import checkpoint, events, provenance, run_folder, submission
from harness.checkpoint import CONVERTED, Arrays, Checkpoint, Keeper
from harness.clock import Clock
from harness.errors import UsageError
from harness.submission import Source
from spec import timeline
from spec.event_pb2 import Conversion, TrialStarted
from spec.state_names import PREFIX, Parts
from spec.submission_pb2 import Framework

_MODEL = ("params.", "model_state.")


@dataclasses.dataclass(frozen=True)
class Converted:
    """What was carried over.

    Attributes:
      trial: as the new folder describes it.
      problems: one line for each checkpoint that could not be used.
    """

    trial: TrialStarted
    problems: list[str]


def convert(run: Path, framework: Framework, out: Path) -> Converted:
    """Makes the run folder `out`, in which `framework` goes on from the latest checkpoint of `run`.

    Raises:
      UsageError: there is nothing to go on from, or nothing can go on; nothing was written.
    """
    trial, log = _begun(run)
    source = _submission(run, trial, framework)
    found, problems = checkpoint.read_all(run, checkpoint.identity(trial))
    if not found:
        why = f": {problems[-1]}" if problems else f"; it has no {checkpoint.FOLDER}"
        raise UsageError(f"{run} has no checkpoint to convert{why}")
    latest = found[-1]
    new = _described(trial, framework, run, latest)
    clock = Clock(state=latest.content["clock"])
    new_log, lock = run_folder.create(out, new, source, Clock())
    try:
        for event in timeline.counted(log)[1:]:
            if event.sequence < latest.first_lost_event and (
                event.HasField("evaluation") or event.HasField("scalar_metrics")
            ):
                new_log.copy(event)
        content = dict(latest.content) | {
            "first_lost_event": new_log.next_sequence,
            "state": CONVERTED,
            "num_ranks": 1,  # what the others have for themselves is left behind too
            "others": {},
        }
        arrays = shared(latest.arrays(), trial.submission.state)
        Keeper(out, new, lock).save(clock.step, new_log.next_sequence, content, arrays)
        lock.note(clock.step, clock.timed_sec)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        new_log.close()
        lock.close()
    return Converted(new, problems)


def shared(arrays: Arrays, parts: Parts) -> Arrays:
    """Those of a checkpoint's arrays that every framework understands. `parts` are the manifest's."""
    prefixes = (*_MODEL, PREFIX) if parts else _MODEL
    return {name: array for name, array in arrays.items() if name.startswith(prefixes)}


def _begun(run: Path) -> tuple[TrialStarted, list[events.Event]]:
    """A run's trial and its log."""
    path = run / events.FILE
    if not path.is_file():
        raise UsageError(f"{run} is no run folder: it has no {events.FILE}")
    log = events.read_log(path).events
    started = [event.trial_started for event in log if event.HasField("trial_started")]
    if not started:
        raise UsageError(f"{path} does not begin with a trial")
    return started[-1], log


def _submission(run: Path, trial: TrialStarted, framework: Framework) -> Source:
    """The run's copy of its submission, which has to be written for the other framework too."""
    wanted, held = (Framework.Name(f).lower() for f in (framework, trial.framework))
    if framework == trial.framework:
        raise UsageError(f"{run} is of {wanted} already")
    folder = run / run_folder.SOURCES
    files = tuple(submission.own_files(folder))
    if submission.sha256(folder, files) != trial.submission_sha256:
        raise UsageError(f"{folder} is not the submission that {run / events.FILE} names")
    if framework not in trial.submission.frameworks:
        name = trial.submission.name
        raise UsageError(f"submission {name} is not written for {wanted}, only for {held}")
    return Source(trial.submission, folder, folder / f"submission_{wanted}.py", files)


def _described(
    trial: TrialStarted, framework: Framework, run: Path, latest: Checkpoint
) -> TrialStarted:
    new = TrialStarted()
    new.CopyFrom(trial)
    new.framework = framework
    new.provenance.CopyFrom(provenance.collect(sys.argv))
    conversion = Conversion(
        framework=trial.framework,
        run=run.resolve().name,
        step=latest.step,
        arrays_sha256=latest.content["arrays_sha256"],
        new_optimizer_state=not trial.submission.state,
    )
    if trial.HasField("converted"):
        conversion.before.CopyFrom(trial.converted)
    new.converted.CopyFrom(conversion)
    return new
