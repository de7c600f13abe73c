"""`tandem convert`: a run that goes on in the other framework."""

import sys
from collections.abc import Sequence

from harness import conversion
from harness.errors import UsageError
from spec.command_line import USAGE_ERROR, OneLineParser
from spec.submission_pb2 import Framework
from spec.user_paths import user_path

_FRAMEWORKS = {Framework.Name(f).lower(): f for f in (Framework.JAX, Framework.PYTORCH)}


def main(argv: Sequence[str]) -> int:
    """Makes a new run folder from a run's latest checkpoint, in which the other framework goes on.
    The run itself is not changed.
    """
    parser = OneLineParser(prog="tandem convert", description=main.__doc__)
    parser.add_argument("run", metavar="RUN", help="run folder")
    parser.add_argument("--to", required=True, choices=_FRAMEWORKS, help="framework to go on in")
    parser.add_argument("--out", metavar="DIR", help="new run folder (default: RUN-<framework>)")
    chosen = parser.parse_args(argv)
    run = user_path(chosen.run)
    out = user_path(chosen.out) if chosen.out else run.with_name(f"{run.name}-{chosen.to}")
    try:
        found = conversion.convert(run, _FRAMEWORKS[chosen.to], out)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    for problem in found.problems:
        print(f"left as it is and not used: {problem}")
    converted = found.trial.converted
    state = "its optimizer state under the names of the manifest"
    if converted.new_optimizer_state:
        name = found.trial.submission.name
        state = f"no optimizer state: {name}'s manifest names none, so that it begins anew"
    print(f"wrote {out}: step {converted.step}, parameters, model state, {state}")
    print(f"goes on with: tandem run --backend {chosen.to} ... --out {out} --resume")
    print("It is for looking at; no score counts it, for its seconds are of two frameworks.")
    return 0
