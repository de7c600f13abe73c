import pathlib
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement

from tools import lock

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_lock_satisfies_pyproject(project: dict[str, Any]) -> None:
    pins = lock.pins((ROOT / "requirements_lock.txt").read_text())
    wrong = []
    for line in lock.requirements(project):
        requirement = Requirement(line)
        version = pins.get(lock.normalize(requirement.name))
        if version is None or not requirement.specifier.contains(version):
            wrong.append(f"{line}: locked at {version}")
    assert not wrong, "run `python tools/lock.py`:\n" + "\n".join(wrong)


def test_requirements_include_the_extras(project: dict[str, Any]) -> None:
    names = {Requirement(line).name for line in lock.requirements(project)}
    assert {"numpy", "jax", "torch", "pytest"} <= names


def test_formats_sorted_with_normalised_names() -> None:
    def item(name: str, version: str, digest: str) -> dict[str, Any]:
        return {
            "metadata": {"name": name, "version": version},
            "download_info": {"archive_info": {"hashes": {"sha256": digest}}},
        }

    text = lock.format_lock({"install": [item("Zeta_Two", "2+cpu", "bb"), item("a.b", "1", "aa")]})
    assert text.split("\n", 2)[2] == (
        "a-b==1 \\\n    --hash=sha256:aa\nzeta-two==2+cpu \\\n    --hash=sha256:bb\n"
    )
    assert lock.pins(text) == {"a-b": "1", "zeta-two": "2+cpu"}
