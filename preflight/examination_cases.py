"""What the tests of both frameworks do with bad submissions that have to be run."""

from pathlib import Path

from harness import submission
from preflight.examination import Examination
from preflight.findings import Finding, merged
from preflight.wrong_submissions import GOOD, Wrong, write
from spec.submission_pb2 import Framework

WORKLOAD = "tiny/mnist"


def examined(folder: Path, framework: str) -> list[Finding]:
    """All findings of running a submission on one workload."""
    value = Framework.Value(framework.upper())
    examination = Examination(submission.find("", folder, value), value, renamed=[WORKLOAD])
    return merged(
        [
            *examination.batch_sizes(num_accelerators=4),
            *examination.rehearse([WORKLOAD]),
        ]
    )


def examined_good(parent: Path, framework: str) -> list[Finding]:
    return examined(write(parent, "good", framework, GOOD[framework]), framework)


def examined_wrong(parent: Path, wrong: Wrong) -> set[str]:
    """Rules that a bad submission is found to break."""
    return {finding.rule for finding in examined(wrong.write(parent), wrong.framework)}
