import types
from pathlib import Path
from typing import Any

import pytest

from compat import run
from harness.submission import chosen_batch_size
from spec.command_line import USAGE_ERROR
from spec.loading import load_workload


def published(folder: Path, imports: str) -> Path:
    module = folder / "submission.py"
    module.write_text(f"from algoperf import spec\n{imports}\n")
    return module


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command for one trial is called with."""
    calls: list[Any] = []

    def main(*arguments: Any, worker: str) -> int:
        calls.append(arguments)
        return 0

    monkeypatch.setattr(run.command, "main", main)
    monkeypatch.setattr(run, "_make_backend", lambda framework, module: None)
    return calls


@pytest.mark.parametrize("backend", [None, "pytorch"])
def test_the_backend_is_what_the_file_imports(
    tmp_path: Path, commands: list[Any], backend: str | None
) -> None:
    assert run.main([], backend, published(tmp_path, "import torch")) == 0
    assert commands[0][1] == "pytorch"


def test_another_backend_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = published(tmp_path, "import torch")
    assert run.main([], "jax", module) == USAGE_ERROR
    assert capsys.readouterr().err == (
        f"error: {module} is written for pytorch; give --backend pytorch\n"
    )
    assert run.main([], None, published(tmp_path, "import numpy")) == USAGE_ERROR
    assert "does not tell its framework; give --backend NAME" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "has_file", "expected"),
    [
        ([], False, ["--ruleset", "self"]),
        ([], True, []),
        (["--ruleset", "external"], False, ["--ruleset", "external"]),
        (["--hparams", "points.json"], False, ["--hparams", "points.json"]),
        (["--hparams=points.json"], False, ["--hparams=points.json"]),
    ],
)
def test_without_a_search_space_it_tunes_itself(
    tmp_path: Path, commands: list[Any], argv: list[str], has_file: bool, expected: list[str]
) -> None:
    if has_file:
        (tmp_path / "tuning_search_space.json").write_text("[{}]")
    run.main(argv, None, published(tmp_path, "import torch"))
    assert commands[0][0] == expected


def sizes(workload_name: str) -> int:
    known = {"ogbg": 512, "mnist": 16}
    if workload_name not in known:
        raise ValueError(workload_name)
    return known[workload_name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ogbg", 512), ("ogbg_gelu", 512), ("mnist", 16), ("tiny/ogbg", 32), ("tiny/ogbg_gelu", 32)],
)
def test_batch_sizes_of_workloads_that_are_ours(name: str, expected: int) -> None:
    get_batch_size = run._with_our_workloads(sizes)
    assert chosen_batch_size(get_batch_size, load_workload(name)) == expected


@pytest.mark.parametrize("name", ["wmt", "imagenet_resnet_gelu"])
def test_an_unknown_workload_of_the_benchmark_gets_no_size_of_ours(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        run._with_our_workloads(sizes)(name)


def test_the_point_s_dropout_becomes_the_default() -> None:
    workload = types.SimpleNamespace()
    init = run._with_dropout(lambda *arguments: arguments)
    point = types.SimpleNamespace(dropout_rate=0.2)
    assert init(workload, 1, 2, point, 3) == (workload, 1, 2, point, 3)
    assert workload.default_dropout_rate == 0.2
    init(workload, 1, 2, None, 3)
    assert workload.default_dropout_rate is None
