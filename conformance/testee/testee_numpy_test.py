import contextlib
import subprocess
import sys

import numpy as np

from conformance import processes, runner
from conformance.testee import testee_numpy
from spec.conformance_pb2 import FORWARD, GRADIENT, METRICS

COMMAND = [sys.executable, "-m", "conformance.testee.testee_numpy"]
LEVELS = [FORWARD, GRADIENT, METRICS]


def test_a_third_backend_passes_through_the_same_runner() -> None:
    case = runner.load_case("tiny/mnist")
    with (
        contextlib.closing(processes.Process("numpy", COMMAND)) as numpy,
        processes.running(["jax"]) as [jax],
    ):
        report = runner.run_case([numpy, jax], case, LEVELS)
        other = runner.run_case([numpy], runner.load_case("tiny/cifar"), [METRICS])
    assert runner.failures(report) == []
    assert {m.level for m in report.measurements} == set(LEVELS)
    compared = {m.quantity for m in report.measurements}
    assert {"eval/logits", "gradient/hidden.kernel", "float64/gradient/head.bias"} <= compared
    assert {"validation/accuracy", "test/loss"} <= compared
    assert "only perceptrons" in other.not_run["METRICS"]


def test_it_loads_no_framework() -> None:
    code = (
        "import sys, conformance.testee.testee_numpy; print(*{'jax', 'torch'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_the_gradient_is_that_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    shapes = {
        "hidden.kernel": (4, 3),
        "hidden.bias": (3,),
        "head.kernel": (3, 2),
        "head.bias": (2,),
    }
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    batch = {"inputs": rng.standard_normal((5, 2, 2, 1)), "weights": np.array([1.0, 1, 1, 1, 0])}
    targets = testee_numpy.smoothed(np.array([0, 1, 1, 0, 1]), 2, 0.1, batch["inputs"])

    def mean_loss(params: dict[str, np.ndarray]) -> float:
        logits = testee_numpy.logits_of(params, batch["inputs"])[1]
        loss = testee_numpy.cross_entropy(logits, targets, batch["weights"])
        return float(loss["summed"] / loss["n_valid_examples"])

    found = testee_numpy.gradient(params, batch, targets)
    for name, value in params.items():
        for place in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[place] = 1e-6
            up, down = (mean_loss(params | {name: value + sign * step}) for sign in (1, -1))
            np.testing.assert_allclose(found[name][place], (up - down) / 2e-6, atol=1e-8)
