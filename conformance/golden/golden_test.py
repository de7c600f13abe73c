"""Both backends against golden vectors, where these are at hand, and what a wrong answer gives."""

import json
from pathlib import Path

import pytest

from conformance import processes
from conformance.golden import golden
from conformance.golden import vectors as golden_vectors
from conformance.golden.testing import VECTORS, needs_vectors
from conformance.report import command
from conformance.testee.testee_jax import JaxTestee
from spec import loading, official
from spec.conformance_pb2 import WorkloadReport
from spec.official import arrays
from spec.parameter_pb2 import ParameterType

NAMES = [
    "cifar",
    "criteo1tb",
    "fastmri",
    "imagenet_resnet",
    "imagenet_vit",
    "librispeech_conformer",
    "librispeech_deepspeech",
    "mnist",
    "ogbg",
    "wmt",
]


@needs_vectors
def test_both_backends_agree_with_the_official_implementation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"
    arguments = ["--golden", str(VECTORS), "--workload", "mnist", "--float64", "--json", str(out)]
    assert command.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("gradient" in line and "jax" in line and "pytorch" in line for line in lines)
    reports = json.loads(out.read_text())["workloads"]
    assert [r["backends"] for r in reports] == [["jax"], ["pytorch"], ["pytorch float64"]]


@needs_vectors
@pytest.mark.parametrize("name", NAMES)
def test_official_names_are_complete(name: str) -> None:
    recorded = json.loads((VECTORS.parent / "params" / f"{name}.json").read_text())["jax"]["params"]
    workload = JaxTestee().workload(name)
    shapes = {p.name: list(p.shape) for p in workload.parameters}
    types = {p.name: ParameterType.Name(p.type) for p in workload.parameters}
    paths = official.jax_paths(workload.message.model, shapes)
    ours = {paths[p]: (shapes[p], types[p]) for p in shapes}
    assert ours == {path: (entry["shape"], entry["type"]) for path, entry in recorded.items()}


@needs_vectors
@pytest.mark.parametrize("name", NAMES)
def test_official_pytorch_names_are_complete(name: str) -> None:
    recorded = json.loads((VECTORS.parent / "params" / f"{name}.json").read_text())["pytorch"]
    official_shapes = {
        tensor: tuple(entry["shape"])
        for kind in ("params", "buffers")
        for tensor, entry in recorded[kind].items()
        if not arrays.has_no_counterpart(tensor)
    }
    manifest = loading.load_manifest(name)
    assert manifest is not None
    model = loading.load_workload(name).model
    ours = arrays.shapes(arrays.official_tensors(model, manifest.parameters, "pytorch"))
    assert ours == official_shapes
    assert not any(arrays.has_no_counterpart(tensor) for tensor in recorded["params"])


@needs_vectors
def test_a_wrong_answer_fails() -> None:
    vectors = golden_vectors.read(VECTORS / "mnist.json")
    golden_answer = {k: s for k, s in golden_vectors.expected(vectors) if s is not None}
    answer = golden_vectors.to_arrays(golden_answer)
    assert all(m.passed for m in golden.compare(vectors, answer))
    answer["eval/logits"] = answer["eval/logits"] * 1.001
    del answer["gradient/Dense_0/bias"]
    failed = [m.quantity for m in golden.compare(vectors, answer) if not m.passed]
    assert failed == ["eval/logits", "gradient/Dense_0/bias"]


def test_a_file_that_cannot_be_compared_fails_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "finewebedu_lm.json").write_text("{}")
    assert command.main(["--golden", str(tmp_path)]) == 1
    assert "not a file of golden vectors" in capsys.readouterr().out
    assert command.main(["--golden", str(tmp_path), "--workload", "wmt"]) == 2


def test_lines_name_the_worst_of_a_group() -> None:
    reports = [WorkloadReport(workload="w", backends=[b]) for b in processes.BACKENDS]
    for error, one in zip((1e-7, 1e-3), reports, strict=True):
        one.measurements.add(quantity="gradient/a", error=1e-8, bound=1e-4, passed=True)
        one.measurements.add(quantity="gradient/b", error=error, bound=1e-4, passed=error < 1e-4)
    lines = list(golden.lines(reports))
    assert " ".join(lines[0].split()) == "w gradient jax 1.0e-07 pytorch 1.0e-03 FAIL bound 1e-04"
    assert lines[1].startswith("FAIL pytorch w") and "gradient/b" in lines[1]
    assert len(lines) == 2
