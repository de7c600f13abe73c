"""Runs one trial of a published submission."""

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from compat import import_paths, recognition
from compat.algoperf import random_utils
from harness import command, submission
from harness.backend import MakeBackend
from harness.submission import Source, Submission
from spec import loading
from spec.command_line import USAGE_ERROR, OneLineParser
from submissions.common.batch_sizes import BASELINE


def main(argv: Sequence[str], backend: str | None, module: Path) -> int:
    """Runs one trial as the command line says; returns the exit status.

    Args:
      argv: the arguments of `tandem run`, without `--backend`.
      backend: what `--backend` says, if it does.
      module: the submission's file.
    """
    framework = recognition.framework(module) or backend
    if framework is None or backend not in (None, framework):
        wanted = f"is written for {framework}" if framework else "does not tell its framework"
        print(f"error: {module} {wanted}; give --backend {framework or 'NAME'}", file=sys.stderr)
        return USAGE_ERROR
    if not (recognition.has_search_space(module) or _says_how_tuned(argv)):
        argv = [*argv, "--ruleset", "self"]
    print(f"published submission {module}: {_how(framework, module)}")
    make_backend = prepare(framework, module)
    meet = importlib.import_module(f"backends.{framework}.placement").meet
    return command.main(argv, framework, make_backend, load, meet, worker="compat.worker")


def prepare(framework: str, module: Path) -> MakeBackend:
    """Makes this process one for a published submission; returns what makes its backend."""
    random_utils.framework = framework
    if framework == "jax":
        importlib.import_module("compat.former_jax").install()
    return _make_backend(framework, module)


def _says_how_tuned(argv: Sequence[str]) -> bool:
    parser = OneLineParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--ruleset")
    parser.add_argument("--hparams")
    chosen, _ = parser.parse_known_args(argv)
    return bool(chosen.ruleset or chosen.hparams)


def _how(framework: str, module: Path) -> str:
    if framework == "jax":
        layout = "pmap" if recognition.uses_pmap(module) else "jit"
        return f"--backend jax, arrays as {layout} wants them"
    return "--backend pytorch"


def _make_backend(framework: str, module: Path) -> MakeBackend:
    make = importlib.import_module(f"compat.workload_{framework}").Backend
    if framework == "jax":
        return functools.partial(make, has_device_axis=recognition.uses_pmap(module))
    return make


def load(source: Source) -> Submission:
    """Imports a published submission's module.

    Raises:
      SubmissionError: the import fails, or functions are missing or cannot be called as agreed.
    """
    import_paths.install(source)
    functions = submission.functions(source)
    functions["get_batch_size"] = _with_our_workloads(functions["get_batch_size"])
    functions["init_optimizer_state"] = _with_dropout(functions["init_optimizer_state"])
    return Submission(functions)


def _with_our_workloads(get_batch_size: Callable[[str], Any]) -> Callable[[str], Any]:
    """The function, with a size for workloads that are not the benchmark's, such as the tiny ones."""

    def wrapped(workload_name: str) -> Any:
        try:
            return get_batch_size(workload_name)
        except ValueError:
            if _is_of_the_benchmark(workload_name) or workload_name not in BASELINE:
                raise
            return BASELINE[workload_name]

    return wrapped


def _is_of_the_benchmark(workload_name: str) -> bool:
    """Whether a ruleset scores the workload or the one that it is a variant of."""
    rulesets = [loading.load_ruleset(*name.split("_")) for name in loading.names("rulesets")]
    scored = {name for ruleset in rulesets for name in ruleset.base_workloads}
    return bool(scored & {workload_name, loading.load_workload(workload_name).base})


def _with_dropout(init_optimizer_state: Callable[..., Any]) -> Callable[..., Any]:
    """The function, after which the point's dropout rate holds wherever the submission names none:
    the official runner applied it until dropout became an argument of `model_fn`.
    """

    @functools.wraps(init_optimizer_state)
    def wrapped(
        workload: Any, model_params: Any, model_state: Any, hyperparameters: Any, rng: Any
    ) -> Any:
        workload.default_dropout_rate = getattr(hyperparameters, "dropout_rate", None)
        return init_optimizer_state(workload, model_params, model_state, hyperparameters, rng)

    return wrapped
