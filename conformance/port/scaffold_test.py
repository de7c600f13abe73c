"""The side that a submission lacks, held against those that were written by hand."""

import ast
from pathlib import Path

import pytest

from conformance.port import command, other_side
from conformance.port.optimizers import as_jax, as_pytorch, recognised
from conformance.port.other_side import LEFT, OTHER
from harness import submission

# All that these say is said the same way in both frameworks.
TRANSLATED = [
    "adamw",
    "cyclic_lr",
    "heavy_ball",
    "nesterov",
    "schedule_free_adamw",
    "schedule_free_adamw_v2",
]


def side(name: str, framework: str) -> str:
    return (submission.ROOT / name / f"submission_{framework}.py").read_text()


def without_docstring(text: str) -> str:
    tree = ast.parse(text)
    return ast.dump(ast.Module(tree.body[1:], []))


@pytest.mark.parametrize("framework", OTHER)
@pytest.mark.parametrize("name", TRANSLATED)
def test_what_is_known_becomes_what_was_written_by_hand(name: str, framework: str) -> None:
    other = other_side.scaffold(side(name, framework), framework)
    assert without_docstring(other) == without_docstring(side(name, OTHER[framework]))


@pytest.mark.parametrize("framework", OTHER)
@pytest.mark.parametrize("name", sorted(set(submission.names()) - set(TRANSLATED)))
def test_what_is_left_is_said(name: str, framework: str) -> None:
    other = other_side.scaffold(side(name, framework), framework)
    assert LEFT in other
    assert other_side.framework_of(other) in (OTHER[framework], None)
    defined = other_side._defined_names(ast.parse(side(name, framework)))
    assert all(function in other for function in defined)


@pytest.mark.parametrize(
    ("optax", "torch"),
    [
        ("optax.adam(0.1)", "torch.optim.Adam(m.parameters(), lr=0.1)"),
        (
            "optax.adamw(rate, b2=0.99, weight_decay=0.1)",
            "torch.optim.AdamW(m.parameters(), rate, (0.9, 0.99), weight_decay=0.1)",
        ),
        (
            "optax.chain(optax.add_decayed_weights(d), optax.scale_by_adam(), "
            "optax.scale_by_learning_rate(0.1))",
            "torch.optim.Adam(m.parameters(), lr=0.1, weight_decay=d)",
        ),
        ("optax.sgd(0.1, 0.9, True)", "torch.optim.SGD(m.parameters(), 0.1, 0.9, nesterov=True)"),
    ],
)
def test_optimizers_that_both_have(optax: str, torch: str) -> None:
    left, right = (recognised(ast.parse(text, mode="eval").body) for text in (optax, torch))
    assert left is not None
    assert left == right
    for written in (as_jax(left, "m"), as_pytorch(left, "m")):
        assert recognised(ast.parse(written, mode="eval").body) == left


@pytest.mark.parametrize(
    "text",
    [
        "optax.lion(0.1)",
        "optax.adamw(0.1, eps_root=1e-8)",
        "optax.adamw(0.1, mask=mask)",
        "optax.chain(optax.clip(1.0), optax.scale_by_adam())",
        "optax.chain(optax.trace(0.9), optax.add_decayed_weights(0.1))",  # no SGD of torch
        "torch.optim.SGD(p, 0.1, 0.9, 0.1)",  # dampening
        "torch.optim.AdamW(p, betas=betas)",
        "torch.optim.AdamW(p, amsgrad=True)",
        "torch.optim.NAdam(p)",  # another algorithm than optax's
    ],
)
def test_optimizers_that_only_one_has_are_left(text: str) -> None:
    assert recognised(ast.parse(text, mode="eval").body) is None


def test_the_command_writes_the_side_and_promises_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "submission_jax.py").write_text(side("adamw", "jax"))
    manifest = folder / "manifest.textproto"
    manifest.write_text('name: "mine"\nframeworks: JAX\ntitle: "Mine"\n')
    assert command.main(["--scaffold", str(folder)]) == 0
    assert "submission_pytorch.py: 0 places left to do" in capsys.readouterr().out
    assert manifest.read_text() == (
        'name: "mine"\nframeworks: JAX\nframeworks: PYTORCH\ntitle: "Mine"\n'
    )
    assert command.main(["--scaffold", str(folder)]) == 2
    assert "has the sides jax, pytorch, expected one" in capsys.readouterr().err


def test_a_single_file_is_told_by_its_imports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "submission.py"
    file.write_text(side("heavy_ball", "pytorch"))
    assert command.main(["--scaffold", str(file)]) == 0
    written = (tmp_path / "submission_jax.py").read_text()
    assert without_docstring(written) == without_docstring(side("heavy_ball", "jax"))
    assert command.main(["--scaffold", str(file)]) == 2
    assert "submission_jax.py exists; move it away" in capsys.readouterr().err
    file.write_text("import numpy\n")
    assert command.main(["--scaffold", str(file)]) == 2
    assert "does not import one of JAX and PyTorch" in capsys.readouterr().err
    file.write_text("def f(:\n")
    assert command.main(["--scaffold", str(file)]) == 2
    assert f"{file}, line 1: " in capsys.readouterr().err
