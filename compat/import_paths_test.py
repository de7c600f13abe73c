import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat import import_paths
from harness import submission
from harness.submission import Source
from spec.submission_pb2 import Framework

FILES = (
    "submission.py",
    "muon.py",
    "optimizers/grafted.py",
    "optimizers/__init__.py",
    "optimizers/utils/a.py",
    "optimizers/utils/b.py",
    "utils/a.py",
)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A submission in a folder called `mine`."""
    folder = tmp_path / "mine"
    for file in FILES:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("class Thing: ...\n")
    return submission.find("", folder, Framework.JAX)


@pytest.fixture
def no_traces() -> Iterator[None]:
    """Takes hooks and modules away afterwards."""
    finders, modules = list(sys.meta_path), dict(sys.modules)
    yield
    sys.meta_path[:] = finders
    for name in sys.modules.keys() - modules.keys():
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("muon", "muon"),
        ("optimizers.grafted", "optimizers.grafted"),
        ("submissions.self_tuning.mine.muon", "muon"),
        ("submissions.self_tuning.called_otherwise.muon", "muon"),
        ("submissions.self_tuning.muon.muon", "muon"),
        ("submissions_algorithms.external_tuning.mine.optimizers.grafted", "optimizers.grafted"),
        ("submissions_algorithms.external_tuning.other.optimizers.grafted", "optimizers.grafted"),
        ("submissions_algorithms.external_tuning.other.optimizers", "optimizers"),
        ("grafted", "optimizers.grafted"),  # its folder was a root once
        ("elsewhere.utils.b", "optimizers.utils.b"),
        ("utils.a", "utils.a"),  # not that of optimizers
        ("submissions.self_tuning.mine.muon.Muon", None),
        ("submissions.self_tuning.mine.absent", None),
        ("torch.optim.muon", None),  # installed
        ("importlib.utils.a", None),  # of Python's own library
        ("algoperf.muon", None),
    ],
)
def test_names_lead_to_the_submission_s_own_files(
    source: Source, name: str, expected: str | None
) -> None:
    assert import_paths.own_modules({name}, source.folder).get(name) == expected


def test_what_a_file_defines_is_no_module(source: Source) -> None:
    names = {"submissions.x.muon", "submissions.x.muon.muon"}  # from submissions.x.muon import muon
    assert import_paths.own_modules(names, source.folder) == {"submissions.x.muon": "muon"}


def test_a_file_is_one_module_under_all_its_names(source: Source, no_traces: None) -> None:
    (source.folder / "submission.py").write_text(
        "from elsewhere.mine.optimizers.grafted import Thing\n"
        "from submissions.self_tuning.other.optimizers import grafted as second\n"
        "from .optimizers import grafted as third\n"
        "import optimizers.grafted as fourth\n"
        "def get_batch_size(): ...\n"
    )
    source = submission.find("", source.folder, Framework.JAX)
    import_paths.install(source)
    module = submission._import(source)
    assert module.second is module.third is module.fourth
    assert module.Thing is module.third.Thing


def test_both_official_packages_are_one(source: Source, no_traces: None) -> None:
    import_paths.install(source)
    new = importlib.import_module("algoperf.spec")
    old = importlib.import_module("algorithmic_efficiency.spec")
    assert new is old
    assert new.ForwardPassMode is importlib.import_module("spec.interface").ForwardPassMode


def test_what_is_not_provided_is_said_in_a_line(source: Source, no_traces: None) -> None:
    import_paths.install(source)
    for statement in ("from algoperf import halton", "import algorithmic_efficiency.halton"):
        with pytest.raises(
            ImportError, match=r"algoperf\.halton is not provided, only .*spec: see"
        ):
            exec(statement)
    with pytest.raises(AttributeError, match=r"algoperf\.spec\.Wrokload is not provided: see docs"):
        exec("from algoperf import spec; spec.Wrokload")
