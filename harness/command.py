"""The command that runs one trial on a backend. Its exit status says how the trial ended."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import checkpoint, protocol, provenance, roles, sandbox, submission, tuning
from harness.assembly import LoadSubmission, set_up
from harness.backend import MakeBackend
from harness.errors import LogError, RankLostError, UsageError
from harness.ranks import Meeting, Ranks, connect
from harness.submission import Source
from harness.trial import EXIT_STATUS
from inputs import pipeline, storage
from spec import loading
from spec.command_line import USAGE_ERROR, OneLineParser
from spec.event_pb2 import TrialStarted
from spec.ruleset_pb2 import Ruleset
from spec.submission_pb2 import Framework
from spec.timing_pb2 import Outcome
from spec.user_paths import user_path
from spec.workload_pb2 import Workload

_FRAMEWORKS = {"jax": Framework.JAX, "pytorch": Framework.PYTORCH}
_LARGEST = 2**63 - 1  # that an event can hold
_EPILOG = """\
Exit status: 0 the trial ended as the rules say, whether or not it met its target; 1 this program or
the data failed; 2 the command was wrong and nothing was run; 3 out of memory; 4 the submission
failed; 130 stopped by SIGINT, 143 by SIGTERM: --resume goes on.

Several devices and hosts: JAX takes all devices it sees, PyTorch the processes that torchrun starts
with -m backends.pytorch.run; docs/devices.md.
"""


def main(
    argv: Sequence[str],
    framework: str,
    make_backend: MakeBackend,
    load: LoadSubmission = submission.load,
    meet: Callable[[], Meeting | None] = lambda: None,
    worker: str = "harness.worker",
) -> int:
    """Runs one trial as the command line says; returns the exit status.

    Args:
      argv: the arguments, without the program's name.
      framework: `jax` or `pytorch`.
      make_backend: makes the framework's backend for a workload under a version of the rules.
      load: imports a submission.
      meet: starts the framework's part in several processes, and says where they find each other;
        None where this process is alone.
      worker: module whose program does what `make_backend` and `load` do, for an isolated trial.
    """
    ranks = Ranks()
    try:
        arguments = parser(framework).parse_args(argv)
        ranks = connect(meet)
        status = _run(arguments, _FRAMEWORKS[framework], make_backend, load, ranks, worker)
    except (UsageError, loading.SpecError, RankLostError) as error:
        print(f"error: {error}", file=sys.stderr)
        ranks.is_broken, status = True, USAGE_ERROR
    except LogError as error:
        print(f"error: the event log could not be written to its end: {error}", file=sys.stderr)
        ranks.is_broken, status = True, EXIT_STATUS[Outcome.HARNESS_ERROR]
    except BaseException:
        ranks.abandon()
        raise
    return ranks.leave(status)


def parser(backend: str) -> OneLineParser:
    """The parser of the arguments of a run on `backend`."""
    parser = OneLineParser(
        prog=f"tandem run --backend {backend}",
        description="Trains a workload until its targets are met or its budget is used up.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--workload",
        default="digits_vit",
        metavar="W",
        help="workload (default: digits_vit; `tandem list` shows all)",
    )
    add(
        "--submission",
        type=_given,
        default="nadamw",
        metavar="S",
        help="folder in submissions/, or path of such a folder or a Python file, also of one that was "
        "published for the official runner (default: nadamw)",
    )
    add(
        "--seed",
        type=integer(0, 2**64 - 1),
        default=0,
        metavar="N",
        help="what all randomness follows from (default: 0)",
    )
    add(
        "--out",
        type=_given,
        metavar="DIR",
        help="run folder (default: runs/<workload>-<submission>-<backend>-<time>)",
    )
    add(
        "--resume",
        action="store_true",
        help="go on with the trial in the run folder --out; start it if that is empty or absent",
    )
    add(
        "--no-checkpoints",
        action="store_true",
        help="make none: a run that is stopped can then only begin anew",
    )
    add(
        "--isolate",
        action="store_true",
        help="run the submission in a process of its own, where it sees neither files, network nor "
        "evaluation data (bubblewrap)",
    )
    add(
        "--mirror",
        choices=["tensorboard"],
        help="write scalars for TensorBoard too, into the run folder",
    )
    add(
        "--data-dir",
        metavar="DIR",
        help=f"parent folder of prepared data (default: ${storage.VARIABLE} or ~/tandem_data)",
    )
    add(
        "--max-steps",
        type=integer(1, _LARGEST),
        default=0,
        metavar="N",
        help="end the trial after this many steps",
    )
    add(
        "--ruleset",
        choices=["external", "self"],
        default="external",
        help="how it is tuned (default: external)",
    )
    add("--rules", default="v0.6", metavar="VERSION", help="version of the rules (default: v0.6)")
    add(
        "--trial",
        type=integer(1, _LARGEST),
        default=1,
        metavar="N",
        help="external: the point to use, from 1 (default: 1)",
    )
    add(
        "--study",
        type=integer(0, _LARGEST),
        default=0,
        metavar="N",
        help="number of the study, from 0 (default: 0)",
    )
    points = parser.add_mutually_exclusive_group()
    points.add_argument(
        "--hparams",
        metavar="FILE",
        help="external: search space or list of points to use, not the submission's own",
    )
    points.add_argument(
        "--point",
        metavar="JSON",
        help="external: the hyperparameters themselves; --study and --trial are then but numbers",
    )
    return parser


def _given(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return text


def integer(low: int, high: int) -> Any:
    """Reader of an argument that is an integer from `low` to `high`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer from {low} to {high}")
        return value

    return parse


def _run(
    arguments: argparse.Namespace,
    framework: Framework,
    make_backend: MakeBackend,
    load: LoadSubmission,
    ranks: Ranks,
    worker: str,
) -> int:
    if arguments.isolate:
        if obstacle := sandbox.obstacle():
            raise UsageError(f"--isolate: {obstacle}")
        if ranks.count > 1:
            raise UsageError(f"--isolate is for one process; this trial has {ranks.count}")
    if arguments.data_dir:
        storage.use_parent(arguments.data_dir)
    try:
        trial, source = describe(arguments, framework)
        point = choose_point(arguments, trial, source)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    if point is not None:
        trial.hyperparameters.update(point)
    pipeline.open_source(trial.workload)  # data that is not there leaves no run folder behind
    identities = ranks.gathered(checkpoint.identity(trial))
    for rank, other in enumerate(identities):
        if difference := checkpoint.first_difference(identities[0], other):
            raise UsageError(f"rank {rank} was given another trial: {difference}")
    parts = functools.partial(
        set_up, source=source, point=point, make_backend=make_backend, load=load, ranks=ranks
    )
    if ranks.index:
        return roles.follow(arguments, trial, parts, ranks)
    return roles.lead(arguments, trial, source, parts, ranks, worker)


def describe(arguments: argparse.Namespace, framework: Framework) -> tuple[TrialStarted, Source]:
    """What the arguments ask for, as far as it is known before a backend or submission is loaded.

    Raises:
      UsageError, SpecError: an unknown name, a malformed file, or things that do not go together.
    """
    workload = runnable_workload(arguments.workload)
    loading.one_of(arguments.rules, loading.ruleset_versions(), "version of the rules")
    ruleset = loading.load_ruleset(arguments.rules, arguments.ruleset)
    rules = loading.rules_of(workload, ruleset.version)
    source = submission.find(arguments.submission, user_path(arguments.submission), framework)
    trial = TrialStarted(
        workload=workload,
        ruleset=ruleset,
        submission=source.manifest,
        submission_sha256=source.sha256(),
        framework=framework,
        seed=arguments.seed,
        study=arguments.study,
        trial=arguments.trial,
        budget_sec=protocol.budget_sec(ruleset, rules),
        step_limit=protocol.step_limit(ruleset, rules, arguments.max_steps),
        provenance=provenance.collect(sys.argv),
    )
    return trial, source


def runnable_workload(name: str) -> Workload:
    """The workload of that name; SpecError if there is none that can be trained."""
    names = loading.names("workloads")
    if name not in names or not _is_runnable(name):  # to look at all of them takes a while
        names = list(filter(_is_runnable, names))
    return loading.load_workload(loading.one_of(name, names, "workload"))


def _is_runnable(name: str) -> bool:
    """Whether a backend has the workload's model and something reads its data."""
    workload = loading.load_workload(name)
    return workload.HasField("model") and pipeline.is_readable(workload)


def choose_point(
    arguments: argparse.Namespace, trial: TrialStarted, source: Source
) -> tuning.Point | None:
    """The hyperparameters of this trial; None under self-tuning.

    Raises:
      UsageError: there is no such study or trial, or the submission does not stand for the ruleset.
    """
    if arguments.point is not None:
        return _stated_point(arguments.point, trial.ruleset)
    path = search_space(arguments.hparams, trial.ruleset, source)
    if path is None:
        return None
    ruleset = trial.ruleset
    if trial.study >= ruleset.num_studies:
        raise UsageError(
            f"--study is {trial.study}. Valid: 0 to {ruleset.num_studies - 1}, the studies of rules "
            f"{ruleset.version} external"
        )
    points = tuning.read_points(path, ruleset.trials_per_study, seed=trial.study)
    if trial.trial > len(points):
        raise UsageError(
            f"--trial is {trial.trial}. Valid: 1 to {len(points)}, the points of {path.name}"
        )
    point = points[trial.trial - 1]
    tuning.as_object(point)
    return point


def _stated_point(text: str, ruleset: Ruleset) -> tuning.Point:
    if ruleset.tuning == Ruleset.SELF:
        raise UsageError("--point does not go with --ruleset self, which has no hyperparameters")
    try:
        point = tuning.read_point(text)
        tuning.as_object(point)
    except UsageError as error:
        raise UsageError(f"--point: {error}") from error
    return point


def search_space(given: str | None, ruleset: Ruleset, source: Source) -> Path | None:
    """The file that has the points of a submission: the one `given`, else its own; None under
    self-tuning.

    Raises:
      UsageError: the submission does not stand for the ruleset, or there is no such file.
    """
    name = source.manifest.name
    if ruleset.tuning == Ruleset.SELF:
        if given:
            raise UsageError(
                "--hparams does not go with --ruleset self, which has no hyperparameters"
            )
        if not source.manifest.self_tuning:
            raise UsageError(f"submission {name} does not tune itself; use --ruleset external")
        return None
    path = user_path(given) if given else source.search_space()
    if path is None:
        raise UsageError(
            f"submission {name} has no search space; give --hparams FILE, or use --ruleset self"
        )
    return path
