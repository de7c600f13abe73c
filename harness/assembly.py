"""Makes the parts of a trial."""

import functools
import itertools
from collections.abc import Callable
from pathlib import Path

from harness import noise, provenance, run_folder, tuning
from harness.backend import MakeBackend
from harness.events import EventLog
from harness.experiment import Experiment
from harness.ranks import Ranks
from harness.resuming import Begun
from harness.submission import Source, Submission
from inputs import pipeline
from spec.event_pb2 import Remark, TrialStarted
from spec.ruleset_pb2 import Ruleset

LoadSubmission = Callable[[Source], Submission]


def scored_workloads(ruleset: Ruleset) -> list[str]:
    """Names of the workloads that a ruleset scores, held-out ones last."""
    return [*ruleset.base_workloads, *(pair.workload for pair in ruleset.held_out)]


def set_up(
    trial: TrialStarted,
    source: Source,
    point: tuning.Point | None,
    make_backend: MakeBackend,
    load: LoadSubmission,
    ranks: Ranks,
    log: EventLog,
    folder: Path | None = None,
    begun: Begun | None = None,
) -> Experiment:
    """Makes the parts of a trial and completes its description with what they know; rank 0, which has
    a folder, writes that down.
    """
    workload = trial.workload
    backend = make_backend(workload, trial.ruleset.version)
    trial.num_devices = backend.num_devices
    trial.num_parameters = backend.number_of_parameters()
    trial.provenance.environment.update(provenance.relevant())  # with what the backend has set
    of_ranks = ranks.gathered(backend.accelerators())
    trial.provenance.accelerators[:] = itertools.chain.from_iterable(of_ranks)
    if begun and (changes := provenance.changes(begun.started.provenance, trial.provenance)):
        changed = f"resumed with something else than before: {', '.join(changes)}"
        log.append(remark=Remark(message=changed))
    if workload.name in scored_workloads(trial.ruleset):
        log.append(noise_check=noise.check(backend.reference_step, backend.synchronize))
    code = load(source)
    trial.global_batch_size = code.batch_size(workload, backend.num_devices)
    trial.data_sha256 = pipeline.data_sha256(workload)
    if folder:
        run_folder.write_description(folder, trial)
    shard = (ranks.index, ranks.count)
    return Experiment(
        backend=backend,
        submission=code,
        hyperparameters=None if point is None else tuning.as_object(point),
        train_batches=functools.partial(
            pipeline.train_batches,
            workload,
            trial.seed,
            trial.global_batch_size,
            shard=shard,
        ),
        eval_batches=functools.partial(pipeline.eval_batches, workload, shard=shard),
    )
