import pathlib
import textwrap
from collections.abc import Callable

import pytest

from tools import build_files

Check = Callable[[dict[str, str]], list[str]]

DISTRIBUTIONS = {"numpy": ["numpy"], "sklearn": ["scikit-learn"], "google": ["protobuf", "other"]}


@pytest.fixture
def check(tmp_path: pathlib.Path) -> Check:
    """Writes files given as {path: text} and returns the complaints about them."""

    def run(files: dict[str, str]) -> list[str]:
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(textwrap.dedent(text))
        return list(build_files.check(tmp_path, DISTRIBUTIONS))

    return run


def test_declared_imports_are_fine(check: Check) -> None:
    assert not check(
        {
            "BUILD": 'exports_files(["setup.py"])',
            "setup.py": "import anything",
            "a/BUILD": """
                load("//tools/build:python.bzl", "py_library", "pytest_test")
                package(default_visibility = ["//visibility:public"])
                py_library(
                    name = "a",
                    srcs = glob(["*.py"], exclude = ["*_test.py"]),
                    deps = ["//b", "@pypi//numpy", "@pypi//scikit_learn", "@pypi//protobuf"],
                )
                [pytest_test(name = name, deps = [":a"]) for name in ["one_test", "two_test"]]
            """,
            "a/__init__.py": "",
            "a/one.py": "import os, numpy as np\nfrom sklearn import metrics\nimport a.two",
            "a/two.py": "from google.protobuf import message\nfrom b import c, d",
            "a/one_test.py": "import pytest, hypothesis\nfrom a import one",
            "a/two_test.py": "from a.two import name",
            "b/BUILD": 'py_library(name = "b", srcs = ["__init__.py", "c.py"])',
            "b/__init__.py": "d = 1",
            "b/c.py": "",
        }
    )


def test_undeclared_imports_are_named_with_what_is_missing(check: Check) -> None:
    complaints = check(
        {
            "a/BUILD": 'py_library(name = "a", srcs = ["a.py"])',
            "a/a.py": "def f():\n    import numpy\n    from b import c",
            "b/BUILD": 'py_library(name = "c", srcs = ["c.py"])',
            "b/c.py": "",
        }
    )
    assert complaints == [
        "a/a.py: imports b.c; //a:a needs //b:c in deps",
        "a/a.py: imports numpy; //a:a needs @pypi//numpy in deps",
    ]


def test_a_program_may_depend_on_the_library_that_has_its_main_file(check: Check) -> None:
    build = """
        py_library(name = "a", srcs = ["run.py"], deps = ["@pypi//numpy"])
        py_binary(name = "run", srcs = ["run.py"], deps = [{deps}])
    """
    files = {"a/run.py": "import numpy"}
    assert not check({"a/BUILD": build.format(deps='":a"'), **files})
    assert check({"a/BUILD": build.format(deps=""), **files}) == [
        "a/run.py: imports numpy; //a:run needs @pypi//numpy in deps"
    ]


def test_globs_stop_at_other_packages(check: Check) -> None:
    files = {
        "a/BUILD": 'py_library(name = "a", srcs = glob(["**/*.py"]))',
        "a/x/y.py": "",
        "a/b/BUILD": "",
        "a/b/c.py": "",
    }
    assert check(files) == ["a/b/c.py: in no target's srcs; add it to the BUILD file"]


def test_a_file_in_no_target_is_named(check: Check) -> None:
    assert check({"a/BUILD": "", "a/x.py": ""}) == [
        "a/x.py: in no target's srcs; add it to the BUILD file"
    ]


def test_a_test_file_that_nothing_runs_is_named(check: Check) -> None:
    complaints = check(
        {"a/BUILD": 'py_library(name = "a", srcs = glob(["*.py"]))', "a/x_test.py": ""}
    )
    assert complaints == ["a/x_test.py: no pytest_test runs it"]


def test_generated_modules_belong_to_the_rule_that_generates_them(check: Check) -> None:
    build = """
        proto_library(name = "protos", srcs = glob(["*.proto"]))
        py_proto_library(name = "py_protos", protos = ":protos")
        py_library(name = "x", srcs = ["x.py"], deps = [{deps}])
    """
    files = {"s/w.proto": "", "s/w_pb2.py": "", "s/x.py": "from s import w_pb2"}
    assert not check({"s/BUILD": build.format(deps='":py_protos"'), **files})
    assert check({"s/BUILD": build.format(deps=""), **files}) == [
        "s/x.py: imports s.w_pb2; //s:x needs //s:py_protos in deps"
    ]


def test_relative_imports_are_refused(check: Check) -> None:
    files = {"a/BUILD": 'py_library(name = "a", srcs = ["a.py"])', "a/a.py": "from . import b"}
    with pytest.raises(ValueError, match="relative import"):
        check(files)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (":x", "//p/q:x"),
        ("x.py", "//p/q:x.py"),
        ("//a/b", "//a/b:b"),
        ("//a:c", "//a:c"),
        ("@pypi//numpy", "@pypi//numpy"),
    ],
)
def test_labels_are_written_in_full(label: str, expected: str) -> None:
    assert build_files.absolute_label(label, "p/q") == expected
