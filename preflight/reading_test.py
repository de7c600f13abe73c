"""Cases are files: a line that ends in `# <- RULE` has to be found under that rule, and no other."""

import re
from pathlib import Path

import pytest

from preflight.reading import read_text
from preflight.rules import RULES

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
ROOT = Path(__file__).parent.parent
_MARK = re.compile(r"# <- (\w+)$")
# Parts of this repository that submissions share, and why they may.
SHARED = {
    ("points.py", "files"): "reads points beside the module when that is imported",
    ("schedule_free_pytorch.py", "dynamic_code"): "calls one of two functions of torch by name",
}


def marked(text: str) -> set[tuple[int, str]]:
    lines = enumerate(text.splitlines(), start=1)
    return {(number, found[1]) for number, line in lines if (found := _MARK.search(line))}


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_what_is_marked_is_found_and_nothing_else(path: Path) -> None:
    text = path.read_text()
    findings = list(read_text(text, "submission_other.py", declared=["listed_package"]))
    assert {(finding.line, finding.rule) for finding in findings} == marked(text)
    assert {rule for _, rule in marked(text)} == {path.stem}
    assert len(marked(text)) < len([line for line in text.splitlines() if line.strip()])


def test_every_rule_that_is_read_has_cases() -> None:
    read = list(RULES)[: list(RULES).index("manifest")]
    assert {path.stem for path in CASES} == {*read, "untimed_work"}


def test_text_that_is_no_python_is_a_finding() -> None:
    (finding,) = read_text("def f(:\n", "submission_jax.py")
    assert (finding.rule, finding.place) == ("interface", "submission_jax.py:1")


def test_the_other_framework_is_not_known_to_a_submission() -> None:
    (finding,) = read_text("import torch\n", "submission_jax.py")
    assert finding.rule == "dependencies"


def test_submissions_of_this_repository_break_no_rule() -> None:
    found = set()
    for path in (ROOT / "submissions").rglob("*.py"):
        if not path.name.endswith("_test.py"):
            findings = read_text(path.read_text(), path.name)
            found |= {(path.name, finding.rule) for finding in findings}
    assert found == set(SHARED)
