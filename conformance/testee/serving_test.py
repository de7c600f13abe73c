import io
import json
from pathlib import Path

import numpy as np

from conformance.testee import serving


class Doubler:
    """A testee that can double, and fail."""

    def double(self, number: float) -> dict[str, np.ndarray]:
        return {"doubled": np.array(2 * number)}

    def fail(self) -> dict[str, np.ndarray]:
        raise ValueError("cannot do that")


def test_serving_answers_every_request(tmp_path: Path) -> None:
    out = str(tmp_path / "answer.npz")
    requests = [
        json.dumps({"question": "fail", "out": out}),
        json.dumps({"question": "double", "out": out, "number": 4}),
    ]
    answers = io.StringIO()
    serving.serve(Doubler(), requests, answers)
    failed, good = map(json.loads, answers.getvalue().splitlines())
    assert not failed["ok"] and "cannot do that" in failed["error"]
    assert good == {"ok": True}
    assert np.load(out)["doubled"] == 8
