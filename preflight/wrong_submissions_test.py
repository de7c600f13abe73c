"""Every deliberately bad submission is found under its rule, at its line, and under no other."""

from pathlib import Path

import pytest

from harness import submission
from preflight import reading
from preflight.wrong_submissions import GOOD, Wrong, load, write
from spec.submission_pb2 import Framework

FRAMEWORKS = {"jax": Framework.JAX, "pytorch": Framework.PYTORCH}


@pytest.mark.parametrize("wrong", load("read"), ids=lambda wrong: wrong.name)
def test_it_is_read(wrong: Wrong, tmp_path: Path) -> None:
    folder = wrong.write(tmp_path)
    findings = list(reading.read(submission.find("", folder, FRAMEWORKS[wrong.framework])))
    assert findings
    assert {finding.rule for finding in findings} == {wrong.rule}
    lines = wrong.changed_lines()
    assert all(finding.line in lines for finding in findings)


@pytest.mark.parametrize("framework", GOOD)
def test_the_good_ones_break_no_rule(framework: str, tmp_path: Path) -> None:
    folder = write(tmp_path, "good", framework, GOOD[framework])
    assert not list(reading.read(submission.find("", folder, FRAMEWORKS[framework])))


def test_there_are_many_and_no_two_have_one_name() -> None:
    names = [wrong.name for wrong in [*load("read"), *load("run")]]
    assert len(set(names)) == len(names) >= 30
