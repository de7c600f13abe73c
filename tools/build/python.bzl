"""Python rules of this repository. BUILD files load all of them from here.

    load("//tools/build:python.bzl", "py_binary", "py_library", "pytest_test")
"""

def py_library(**attrs):
    native.py_library(**attrs)

def py_binary(**attrs):
    native.py_binary(python_version = "PY3", **attrs)

def pytest_test(name, srcs = None, deps = [], data = [], args = [], size = "small", **attrs):
    """One pytest process over `srcs`, by default over the file of the target's name.

    Args:
      name: target, by convention `x_test` for `x_test.py`.
      srcs: test files, and helper files that only this test imports.
      deps: libraries that the test imports.
      data: files that the test reads, found through bazel-runfiles or `__file__`.
      args: further arguments to pytest.
      size: "small" (the default), "medium" ...: sets the time limit, see .bazelrc.
      **attrs: anything `py_test` takes, for example `shard_count`, `tags`, `timeout`.
    """
    srcs = srcs or [name + ".py"]
    tests = [src for src in srcs if src.endswith("_test.py")]
    if not tests:
        fail("{}: no file of srcs ends in _test.py, so pytest would run nothing".format(name))
    native.py_test(
        name = name,
        srcs = srcs + ["//tools/build:pytest_main.py"],
        main = "//tools/build:pytest_main.py",
        deps = deps + ["@pypi//hypothesis", "@pypi//pytest"],
        data = data + ["//:pyproject.toml"],
        args = ["$(rootpath {})".format(test) for test in tests] + args,
        size = size,
        python_version = "PY3",
        **attrs
    )
