import os
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli import catalogue, main
from spec import loading
from spec.command_line import USAGE_ERROR
from spec.parameter_pb2 import Parameter, ParameterType


def test_list_names_everything_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in loading.names("workloads") + loading.names("hardware"):
        assert f"  {name} " in printed
    assert "v0.6 external" in printed


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "workloads").mkdir()
    files = {
        "a_bad": "nonsense: 1",
        "a_variant": 'name: "a_variant" base: "a_bad"',
        "mnist": (loading.ROOT / "workloads" / "mnist.textproto").read_text(),
    }
    for name, text in files.items():
        (tmp_path / "workloads" / f"{name}.textproto").write_text(text)
    monkeypatch.setattr(loading, "ROOT", tmp_path)
    loading.load_workload.cache_clear()
    assert main.main(["list"]) == USAGE_ERROR
    printed = capsys.readouterr()
    assert "  mnist " in printed.out and "  nadamw " in printed.out
    bad = tmp_path / "workloads" / "a_bad.textproto"
    assert printed.err.startswith(f"error: {bad}:1:1") and printed.err.count("a_bad") == 1


@pytest.mark.parametrize("name", loading.names("workloads"))
def test_every_workload_can_be_described(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["describe", name]) == 0
    printed = capsys.readouterr().out
    workload = loading.load_workload(name)
    assert printed.startswith(f"{name}: {workload.title}\n")
    assert ("Memory of a training step" in printed) == workload.HasField("model")
    for version, rules in workload.rules.items():
        assert f"Rules {version}" in printed
        assert f"{rules.validation_target:.10g}" in printed


def test_a_description_says_where_data_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TANDEM_DATA", "/somewhere")
    main.main(["describe", "criteo1tb_layernorm"])
    assert "data folder       /somewhere/criteo1tb\n" in capsys.readouterr().out
    main.main(["describe", "digits_vit"])
    assert "data folder" not in capsys.readouterr().out


def test_memory_is_a_straight_line_of_the_batch_size() -> None:
    parameters = [Parameter(name="p", shape=[500, 500])]  # 1 MB
    memory = catalogue.memory_rows(parameters, [8_500_000, 16_500_000])
    rows = {str(what): amount for what, amount in memory}
    assert rows["parameters"] == "0.001 GB"
    assert rows["activations kept for the backward pass"] == "1.000 MB an example"
    assert rows["altogether at batch size 32"] == "0.036 GB"  # 4 + 0.5 + 32


def test_dropout_places_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["describe", "digits_vit"]) == 0
    printed = capsys.readouterr().out
    assert "blocks.*" in printed[printed.index("Dropout places") : printed.index("Memory")]


def test_parameters_are_counted_by_kind() -> None:
    def parameter(kind: ParameterType, *shape: int) -> Parameter:
        return Parameter(name="p", type=kind, shape=shape)

    parameters = [
        parameter(ParameterType.WEIGHT, 30, 50),
        parameter(ParameterType.BIAS, 50),
        parameter(ParameterType.WEIGHT, 2, 3),
        parameter(ParameterType.BIAS),
    ]
    assert catalogue.parameter_rows(parameters) == [
        ("kind", "arrays", "values"),
        ("weight", 2, "1,506"),
        ("bias", 2, "51"),
        ("total", 4, "1,557"),
    ]


def test_looking_around_imports_no_framework() -> None:
    program = (
        "import sys; from cli.main import main; main(['list']); main(['run', '--help']); "
        "sys.exit(', '.join({'jax', 'torch', 'flax', 'sklearn'} & set(sys.modules)) or None)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert result.stderr == ""
    assert "--max-steps" in result.stdout


@pytest.fixture
def run_module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("backends.pytorch.run")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_run_hands_over_to_the_backend(run_module: types.ModuleType) -> None:
    received: list[Sequence[str]] = []

    def run(argv: Sequence[str]) -> int:
        received.append(argv)
        return 4

    run_module.main = run  # type: ignore[attr-defined]
    assert main.main(["run", "--backend", "pytorch", "--seed", "3", "--help"]) == 4
    assert received == [["--seed", "3", "--help"]]


def test_a_framework_that_is_not_installed(
    run_module: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(argv: Sequence[str]) -> int:
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")

    run_module.main = run  # type: ignore[attr-defined]
    assert main.main(["run", "--backend", "pytorch"]) == 2
    expected = "error: torch.nn is not installed; pip install -e '.[pytorch]' in the checkout"
    assert capsys.readouterr().err.startswith(expected)


def test_a_missing_module_of_ours_is_no_usage_error(run_module: types.ModuleType) -> None:
    def run(argv: Sequence[str]) -> int:
        raise ModuleNotFoundError("No module named 'nowhere'", name="nowhere")

    run_module.main = run  # type: ignore[attr-defined]
    with pytest.raises(ModuleNotFoundError):
        main.main(["run", "--backend", "pytorch"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["fly"], "unknown command 'fly'. Valid: run, "),
        (["run"], "--backend is missing. Valid: jax, pytorch"),
        (["run", "--backend", "tf"], "argument --backend: invalid choice: 'tf' (choose from"),
        (["describe", "digit_vit"], "unknown workload 'digit_vit'. Did you mean digits_vit?"),
        (["describe"], "the following arguments are required: workload"),
        (["list", "all"], "unrecognized arguments: all"),
    ],
)
def test_wrong_commands_get_one_line(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert main.main(argv) == 2
    except SystemExit as end:
        assert end.code == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(argv) == 0
    printed = capsys.readouterr().out
    for name in main._COMMANDS:
        assert f"  {name} " in printed


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_command_whose_output_was_closed_keeps_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", (tmp_path / "out").open("w"))

    def closing(arguments: Sequence[str]) -> int:
        sys.stdout.close()
        if is_gone:
            monkeypatch.setattr(sys, "stdout", None)
        return 4

    monkeypatch.setitem(main._COMMANDS, "list", closing)
    assert main.main(["list"]) == 4
