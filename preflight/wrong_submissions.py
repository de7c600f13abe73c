"""Deliberately bad submissions: good ones, each with a line or two changed.

`wrong/jax.txt` and `wrong/pytorch.txt` are good ones. In `wrong/read.txt` are changes that are found
by reading, in `wrong/run.txt` those that are found by running:

    == NAME: RULE, FRAMEWORK
    -lines of the good submission
    +lines that stand in their place
    ...
    +lines at its end
"""

import dataclasses
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "wrong"
GOOD = {framework: (FOLDER / f"{framework}.txt").read_text() for framework in ("jax", "pytorch")}
_HEAD = re.compile(r"^== (\w+): (\w+), (\w+)\n", re.MULTILINE)
_MANIFEST = """\
name: "{name}"
title: "One of many"
frameworks: {framework}
search_space: "points.json"
"""


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A bad submission.

    Attributes:
      rule: under which it must be found, and under no other.
      text: of its module.
    """

    name: str
    rule: str
    framework: str
    text: str

    def write(self, parent: Path) -> Path:
        """Makes the submission's folder and returns it."""
        return write(parent, self.name, self.framework, self.text)

    def changed_lines(self) -> set[int]:
        """Numbers of the lines that the good submission does not have."""
        good = GOOD[self.framework].splitlines()
        return {n for n, line in enumerate(self.text.splitlines(), 1) if line not in good}


def load(kind: str) -> list[Wrong]:
    """Those found by `read` or by `run`."""
    _, *parts = _HEAD.split((FOLDER / f"{kind}.txt").read_text())
    columns = zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=True)
    return [Wrong(name, rule, who, _changed(GOOD[who], diff)) for name, rule, who, diff in columns]


def _changed(good: str, change: str) -> str:
    replacing, _, appended = change.strip("\n").partition("...\n")
    old, new = (_lines(replacing, sign) for sign in "-+")
    assert good.count(old) >= 1, old
    return good.replace(old, new, 1) + _lines(appended, "+")


def _lines(text: str, sign: str) -> str:
    return "".join(f"{line[1:]}\n" for line in text.splitlines() if line.startswith(sign))


def write(parent: Path, name: str, framework: str, text: str) -> Path:
    """Makes a submission's folder and returns it."""
    folder = parent / name
    folder.mkdir()
    manifest = _MANIFEST.format(name=name, framework=framework.upper())
    (folder / "manifest.textproto").write_text(manifest)
    (folder / "points.json").write_text('[{"learning_rate": 0.1}]')
    (folder / f"submission_{framework}.py").write_text(text)
    return folder
