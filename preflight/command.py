"""`tandem preflight`: everything that is checked of a submission, and its passes."""

import argparse
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness import sandbox, submission, tuning
from harness.errors import UsageError
from harness.submission import Source
from preflight import passes, processes, reading
from preflight.findings import Finding, merged, split
from preflight.memory import RULESET
from preflight.processes import is_installed
from preflight.rules import RULES
from spec import loading
from spec.command_line import USAGE_ERROR, OneLineParser, print_any_name
from spec.hardware_pb2 import Hardware
from spec.submission_pb2 import Framework
from spec.user_paths import user_path

FRAMEWORKS = {"jax": Framework.JAX, "pytorch": Framework.PYTORCH}
HARDWARE = "nvidia_a100_40gb_x4"
_EPILOG = """\
Exit status: 0 the submission passed on the frameworks that are installed; 1 there are findings, or none of its
frameworks is installed; 2 the command was wrong.

Rules, which a manifest may waive by name with a reason (docs/preflight.md):

""" + "\n".join(
    textwrap.fill(f"{name}: {text}", 98, initial_indent="  ", subsequent_indent="      ")
    for name, text in RULES.items()
)


def main(argv: Sequence[str] | None = None) -> int:
    """Checks one submission; returns the exit status."""
    print_any_name()
    parser = OneLineParser(
        prog="tandem preflight",
        description="Checks a submission on generated data before machines are spent on it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "submission", help="folder in submissions/, or path of such a folder or a Python file"
    )
    parser.add_argument(
        "--backend", choices=FRAMEWORKS, help="only this one of those that it is written for"
    )
    parser.add_argument(
        "--hardware", default=HARDWARE, help=f"whose memory has to do (default: {HARDWARE})"
    )
    parser.add_argument(
        "--isolate",
        action="store_true",
        help="run it without network and with its own folder as all that it can write (bubblewrap)",
    )
    arguments = parser.parse_args(argv)
    try:
        if arguments.isolate and (obstacle := sandbox.obstacle()):
            raise UsageError(f"--isolate: {obstacle}")
        hardware = loading.load_hardware(arguments.hardware)
        found = sources(arguments.submission, arguments.backend)
        return _check(found, hardware, arguments.isolate)
    except (UsageError, loading.SpecError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR


def sources(name: str, backend: str | None) -> dict[str, Source]:
    """The submission on each framework that it is written for, or on the one that is asked for.

    Raises:
      UsageError: there is none.
    """
    found, error = {}, None
    for each in [backend] if backend else FRAMEWORKS:
        try:
            found[each] = submission.find(name, user_path(name), FRAMEWORKS[each])
        except UsageError as raised:
            error = raised
    if error and (backend or not found):
        raise error
    first = next(iter(found.values()))
    if first.module.name == submission.OFFICIAL_MODULE:
        raise UsageError(
            f"{first.module} is written for the official runner; preflight knows those that are "
            f"written for this one (docs/submissions.md)"
        )
    for framework in first.manifest.frameworks if not backend else ():
        submission.find(name, user_path(name), framework)  # what the manifest promises is there
    return found


def _check(found: Mapping[str, Source], hardware: Hardware, is_isolated: bool) -> int:
    start = time.monotonic()
    source = next(iter(found.values()))
    findings = [*reading.read(source), *_search_space(source)]
    installed = {backend: each for backend, each in found.items() if is_installed(backend)}
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        found_running, notes = processes.run(installed, hardware, Path(folder), is_isolated)
    missing = [backend for backend in found if backend not in installed]
    notes += [f"not run on {backend}, which is not installed" for backend in missing]
    stand, waived = split(merged([*findings, *found_running]), source.manifest)
    _show(source, stand, waived, notes)
    for backend, each in found.items():
        if stand or backend in missing:
            passes.revoke(each, FRAMEWORKS[backend])
        else:
            content = {"waived": sorted({f.rule for f, _ in waived}), "notes": notes}
            print(f"pass: {passes.grant(each, FRAMEWORKS[backend], content)}")
    print(f"{len(stand)} findings, {len(waived)} waived, {time.monotonic() - start:.0f} s")
    return 1 if stand or not installed else 0


def _search_space(source: Source) -> Iterator[Finding]:
    """Whether there are hyperparameters for the ruleset."""
    manifest, path = source.manifest, source.search_space()
    if path is None:
        if not manifest.self_tuning:
            yield Finding("manifest", "neither search_space nor self_tuning", submission.MANIFEST)
        return
    try:
        for point in tuning.read_points(path, RULESET.trials_per_study, seed=0):
            tuning.as_object(point)
    except UsageError as error:
        yield Finding("manifest", str(error), manifest.search_space)
    if path not in source.files:
        yield Finding("manifest", f"{path.name} is not in the folder", submission.MANIFEST)


def _show(
    source: Source,
    stand: Sequence[Finding],
    waived: Sequence[tuple[Finding, str]],
    notes: Sequence[str],
) -> None:
    """One block for each finding: where, what, and the rule that it breaks."""
    for finding in stand:
        print(f"{_place(finding)}: {finding.message}{_where(finding)}")
        print(f"    {finding.rule}: {RULES[finding.rule]}")
    for finding, reason in waived:
        print(f"{_place(finding)}: {finding.message}{_where(finding)}")
        print(f"    {finding.rule}: waived by {source.manifest.name}: {reason}")
    for note in notes:
        print(f"note: {note}")


def _place(finding: Finding) -> str:
    return finding.place or "submission"


def _where(finding: Finding) -> str:
    return f" ({finding.where})" if finding.where else ""


if __name__ == "__main__":
    sys.exit(main())
