"""The page of a port check: it says what was found, and nothing in it acts."""

import base64
import dataclasses
from typing import Any
from xml.etree import ElementTree

import numpy as np

from conformance.port import page, port

NAME = "<script>$x"  # of a parameter, as a stranger's workload may have it


def report(passed: bool) -> dict[str, Any]:
    course = np.arange(1.0, 6.0)[:, None] * np.ones(4)
    other = course.copy() if passed else course + np.array([0, 0, 1e-3, 2e-3, np.nan])[:, None]
    sides = [{f"parameter/{NAME}": c, f"evaluated/{NAME}": c[1:3]} for c in (other, course)]
    differences = port.compare(sides[0], sides[1], port.BOUNDS["float64"])
    return {
        "submissions": {"jax": "mine", "pytorch": "<b>theirs</b>"},
        "workload": "tiny/mnist",
        "dtype": "float64",
        "num_steps": 4,
        "bound": port.BOUNDS["float64"],
        "passed": passed,
        "diagnosis": None if passed else "eps < 1e-8 & more",
        "parameters": [dataclasses.asdict(d) for d in differences],
    }


def test_the_page_says_what_was_found() -> None:
    text = page.page([report(passed=False), report(passed=True)])
    assert "eps &lt; 1e-8 &amp; more" in text and "the same algorithm over 4 steps" in text
    assert text.count("<td>2</td>") == 1  # the first step out, of the one that differs
    assert text.count("data:image/svg+xml") == 2


def test_nothing_in_the_page_acts_or_needs_a_network() -> None:
    text = page.page([report(passed=True)])
    assert "<script" not in text and "<b>" not in text
    assert "http:" not in text and "https:" not in text


def test_the_curves_are_in_the_picture() -> None:
    text = page.page([report(passed=False)])
    picture = base64.b64decode(text.split("base64,")[1].split('"')[0])
    drawn = {e.get("id", "") for e in ElementTree.fromstring(picture).iter()}
    assert {"line2d_1", "axes_1"} <= drawn


def test_equal_pages_of_equal_reports() -> None:
    assert page.page([report(passed=True)]) == page.page([report(passed=True)])
