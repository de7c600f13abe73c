"""How a program answers questions: one request a line on standard input, one answer a line on standard
output, both JSON.

A request is {"question": NAME, "out": FILE, ...arguments}; the answer's arrays go to FILE in numpy's
.npz form, named by quantity, and the line is {"ok": true}, or {"ok": false, "error": TEXT}. Any
program that does this can be compared (docs/conformance.md).
"""

import contextlib
import json
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np


def run(open_testee: Callable[[], Any]) -> None:
    """Makes a testee, which answers this program's input."""
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what others print must not mix with the answers
        serve(open_testee(), sys.stdin, answers)


def serve(testee: Any, requests: Iterable[str], answers: IO[str]) -> None:
    """Answers requests until the input ends. Questions are the methods of `testee`."""
    for line in requests:
        request: dict[str, Any] = json.loads(line)
        question, out = request.pop("question"), request.pop("out")
        try:
            with Path(out).open("wb") as file:  # the arrays, which may be gigabytes, go at once
                np.savez(file, **getattr(testee, question)(**request))
            answer: dict[str, Any] = {"ok": True}
        except Exception:  # reported by the runner; the next question may still be answered
            answer = {"ok": False, "error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
