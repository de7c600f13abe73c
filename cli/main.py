"""The `tandem` command: thin entries to the parts, each imported when its command is called."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from spec.command_line import USAGE_ERROR, OneLineParser, end, flush
from spec.loading import SpecError
from spec.user_paths import user_path

FRAMEWORKS = ("jax", "pytorch")
_HELP = """\
usage: tandem COMMAND ...

  run --backend jax|pytorch ...   train a workload with a submission
  plan SUBMISSION                 all trials of a campaign, their hours and cost, into a file
  campaign PLAN                   run the trials of a plan, some at a time, or go on with them
  status RUNS...                  how far trials are, and when they will be through; --watch
  list                            workloads, submissions, rulesets and hardware
  describe WORKLOAD               model, parameters, data, targets and budgets of a workload
  parameters WORKLOAD             list a model's parameters; write the list into the specification
  data prepare|check DATASET      make the files that training reads; say what is missing
  convert RUN --to jax|pytorch    go on with a run in the other framework
  weights import|export FILE      from and to the parameters of the official implementations
  score LOGS...                   times and scores from run folders or official logs
  export RUNS... --format F       official layout, TensorBoard, OpenMetrics
  verify RUN                      check a run folder; compare two runs step by step
  preflight SUBMISSION            check a submission on generated data before machines are spent on it
  conform ...                     hold the two backends against the specification
  new-submission NAME             write a submission for both frameworks to begin with
  port A [B]                      hold a submission's JAX side against a submission's PyTorch side

`tandem COMMAND --help` explains a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    name, *arguments = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(_HELP, end="")
        return 0
    if name not in _COMMANDS:
        print(f"error: unknown command {name!r}. Valid: {', '.join(_COMMANDS)}", file=sys.stderr)
        return USAGE_ERROR
    try:
        status = _COMMANDS[name](arguments) or 0
        flush()
        return status
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRAS:
            raise
        extra = _EXTRAS[error.name.partition(".")[0]]
        advice = f"pip install -e '.[{extra}]' in the checkout installs what it needs"
        print(f"error: {error.name} is not installed; {advice}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


# Packages that an extra of this distribution installs.
_EXTRAS = {"jax": "jax", "jaxlib": "jax", "flax": "jax", "optax": "jax", "torch": "pytorch"}


def _run(argv: Sequence[str]) -> int:
    from harness import command

    parser = OneLineParser(prog="tandem run", add_help=False, allow_abbrev=False)
    parser.add_argument("--backend", choices=FRAMEWORKS)
    chosen, others = parser.parse_known_args(argv)
    asks_for_help = bool({"-h", "--help"} & set(others))
    if not asks_for_help and (module := _published_module(others)):
        return importlib.import_module("compat.run").main(others, chosen.backend, module)
    if chosen.backend is None and not asks_for_help:
        parser.error(f"--backend is missing. Valid: {', '.join(FRAMEWORKS)}")
    if chosen.backend is None:
        command.parser("|".join(FRAMEWORKS)).print_help()
        return 0
    return importlib.import_module(f"backends.{chosen.backend}.run").main(others)


def _published_module(argv: Sequence[str]) -> Path | None:
    """The file of the submission if it is one written for the official runner."""
    from harness import submission
    from harness.errors import UsageError

    parser = OneLineParser(prog="tandem run", add_help=False, allow_abbrev=False)
    parser.add_argument("--submission", default="")
    name = parser.parse_known_args(argv)[0].submission
    if not name or name in submission.names():
        return None
    from compat import recognition

    try:
        return recognition.published_module(user_path(name))
    except UsageError as error:
        parser.error(str(error))


def _list(argv: Sequence[str]) -> None:
    from cli import catalogue

    OneLineParser(prog="tandem list", description=catalogue.list_all.__doc__).parse_args(argv)
    catalogue.list_all()


def _describe(argv: Sequence[str]) -> None:
    from cli import catalogue

    parser = OneLineParser(prog="tandem describe", description=catalogue.describe.__doc__)
    parser.add_argument("workload", help="name, as `tandem list` shows it")
    catalogue.describe(parser.parse_args(argv).workload)


def _parameters(argv: Sequence[str]) -> None:
    from cli import parameters

    parameters.main(argv)


def _data(argv: Sequence[str]) -> int:
    from cli import data

    return data.main(argv)


def _plan(argv: Sequence[str]) -> int:
    from cli import plan

    return plan.main(argv)


def _campaign(argv: Sequence[str]) -> int:
    from cli import campaign

    return campaign.main(argv)


def _status(argv: Sequence[str]) -> None:
    from cli import status

    status.main(argv)


def _weights(argv: Sequence[str]) -> None:
    from cli import weights

    weights.main(argv)


def _convert(argv: Sequence[str]) -> int:
    from cli import convert

    return convert.main(argv)


def _score(argv: Sequence[str]) -> int:
    return importlib.import_module("scoring.score").main(argv)


def _export(argv: Sequence[str]) -> int:
    from cli import export

    return export.main(argv)


def _verify(argv: Sequence[str]) -> int:
    return importlib.import_module("harness.verify").main(argv)


def _new_submission(argv: Sequence[str]) -> int:
    from cli import new_submission

    return new_submission.main(argv)


def _preflight(argv: Sequence[str]) -> int:
    return importlib.import_module("preflight.command").main(argv)


def _conform(argv: Sequence[str]) -> int:
    return importlib.import_module("conformance.report.command").main(argv)


def _port(argv: Sequence[str]) -> int:
    return importlib.import_module("conformance.port.command").main(argv)


_COMMANDS: dict[str, Callable[[Sequence[str]], int | None]] = {
    "run": _run,
    "plan": _plan,
    "campaign": _campaign,
    "status": _status,
    "list": _list,
    "describe": _describe,
    "parameters": _parameters,
    "data": _data,
    "convert": _convert,
    "weights": _weights,
    "score": _score,
    "export": _export,
    "verify": _verify,
    "preflight": _preflight,
    "conform": _conform,
    "new-submission": _new_submission,
    "port": _port,
}


def program() -> None:
    """The `tandem` command as a program of its own."""
    end(main())


if __name__ == "__main__":
    program()
