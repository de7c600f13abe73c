from pathlib import Path

import pytest

from compat import recognition
from harness.errors import UsageError

NEW = "from algoperf import spec\n"
OLD = "from algorithmic_efficiency import spec\n"


def submission(folder: Path, text: str) -> Path:
    module = folder / "submission.py"
    module.write_text(text)
    return module


@pytest.mark.parametrize("text", [NEW, OLD, "import algoperf.spec as spec\n"])
def test_files_that_import_the_official_package_are_published(tmp_path: Path, text: str) -> None:
    module = submission(tmp_path, f"import jax\n{text}")
    assert recognition.published_module(module) == module
    assert recognition.published_module(tmp_path) == module


def test_others_are_not(tmp_path: Path) -> None:
    module = submission(tmp_path, "'''from algoperf import spec'''\nfrom spec import interface\n")
    assert recognition.published_module(module) is None
    assert recognition.published_module(tmp_path / "absent.py") is None
    submission(tmp_path, NEW)
    (tmp_path / "manifest.textproto").write_text("")
    assert recognition.published_module(tmp_path) is None  # the folder says itself what it is


def test_what_is_no_python_is_said_with_its_line(tmp_path: Path) -> None:
    module = submission(tmp_path, f"{NEW}def broken(:\n")
    with pytest.raises(UsageError, match=r"submission.py, line 2: "):
        recognition.published_module(module)
    module.write_text("a\0")
    with pytest.raises(UsageError, match=r"submission.py: source code .* null bytes"):
        recognition.published_module(module)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("import jax.numpy as jnp\nimport optax\n", "jax"),
        ("import torch\n", "pytorch"),
        ("import jax, torch\n", None),
        ("import jax, torch\nfrom algoperf.pytorch_utils import pytorch_setup\n", "pytorch"),
        ("import numpy\n", None),
    ],
)
def test_the_framework_is_the_one_imported(
    tmp_path: Path, imports: str, expected: str | None
) -> None:
    assert recognition.framework(submission(tmp_path, imports)) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("@jax.pmap\ndef f(): ...\n", True),
        ("from jax import pmap\nf = functools.partial(pmap, axis_name='batch')\n", True),
        ("# jax.pmap\n'''pmap'''\nf = jax.jit(g)\n", False),
    ],
)
def test_pmap_is_looked_for_in_code(tmp_path: Path, code: str, expected: bool) -> None:
    assert recognition.uses_pmap(submission(tmp_path, code)) == expected
