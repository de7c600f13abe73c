"""Findings: what is wrong with a submission, where, and by which rule."""

import dataclasses
import itertools
from collections.abc import Iterable

from preflight.rules import RULES
from spec.submission_pb2 import SubmissionManifest


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that breaks a rule.

    Attributes:
      rule: name in preflight/rules.py.
      message: what was found, in one line.
      path: the submission's file, relative to its folder; empty where it is no single file.
      line: in that file, from 1; 0 where it is no single line.
      where: what was run when it was found, such as `jax tiny/mnist`; empty for what is read.
    """

    rule: str
    message: str
    path: str = ""
    line: int = 0
    where: str = ""

    def __post_init__(self) -> None:
        assert self.rule in RULES, self.rule

    @property
    def place(self) -> str:
        """`file:line`, as editors read it."""
        return f"{self.path}:{self.line}" if self.line else self.path


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in the order of files and lines; those that differ only in what was run become
    one.
    """

    def key(finding: Finding) -> tuple[str, int, str, str]:
        return finding.path, finding.line, finding.rule, finding.message

    result = []
    for _, group in itertools.groupby(sorted(findings, key=key), key):
        alike = list(group)
        where = ", ".join(dict.fromkeys(f.where for f in alike if f.where))
        result.append(dataclasses.replace(alike[0], where=where))
    return result


def split(
    findings: Iterable[Finding], manifest: SubmissionManifest
) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """(findings that stand, findings that the manifest waives with its reason). A waiver of what is no
    rule is a finding itself.
    """
    reasons = {waiver.rule: waiver.reason for waiver in manifest.waivers}
    stand = [
        Finding("manifest", f"waives {name!r}, which is no rule. Valid: {', '.join(RULES)}")
        for name in reasons
        if name not in RULES
    ]
    waived = []
    for finding in findings:
        if finding.rule in reasons:
            waived.append((finding, reasons[finding.rule]))
        else:
            stand.append(finding)
    return stand, waived
