"""The Python dependencies: one virtual environment, made from the lock, that runs all Python rules.

The environment's interpreter is the registered Python toolchain, so a test has a handful of
runfiles and not the 20,000 files of its dependencies. `@pypi//numpy` and the like are therefore
empty libraries: BUILD files say what they need, a distribution that the lock lacks is an error.

Set TANDEM_VENVS to a folder to share environments between checkouts; otherwise Bazel's output
base holds one.
"""

_BUILD = """
load("@bazel_tools//tools/python:toolchain.bzl", "py_runtime_pair")

# PYTHONSAFEPATH keeps the folder of the main file off sys.path: beside backends/jax/run.py lie
# modules that no other program should find by their bare names.
py_runtime(
    name = "runtime",
    interpreter_path = "{python}",
    python_version = "PY3",
    stub_shebang = "#!/usr/bin/env -S PYTHONSAFEPATH=1 {python}",
)

py_runtime_pair(
    name = "runtimes",
    py3_runtime = ":runtime",
)

toolchain(
    name = "python_toolchain",
    toolchain = ":runtimes",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
"""

_DISTRIBUTION_BUILD = """
py_library(
    name = "{name}",
    visibility = ["//visibility:public"],
)
"""

_TIMEOUT_SEC = 3600

def _find_python(repository_ctx):
    found = []
    for name in ["python3.11", "python3"]:
        python = repository_ctx.which(name)
        if not python:
            continue
        version = repository_ctx.execute(
            [python, "-c", "import platform, ensurepip, venv; print(platform.python_version())"],
        )
        if version.return_code != 0:
            found.append("{}: {}".format(python, version.stderr.strip() or "does not run"))
        elif not version.stdout.startswith("3.11."):
            found.append("{}: is {}".format(python, version.stdout.strip()))
        else:
            return python
    fail("\n".join([
        "requirements_lock.txt is for Python 3.11 with its venv and ensurepip modules.",
        "On Debian 12: apt-get install python3 python3-venv. Found on PATH:",
    ] + (found or ["no python3 at all"])))

def _distribution_names(lock_text):
    """`-` and `.` become `_` and letters lower case, as in rules_python's labels."""
    names = []
    for line in lock_text.splitlines():
        if "==" in line:
            names.append(line.split("==")[0].strip().lower().replace("-", "_").replace(".", "_"))
    return names

def _pypi_venv_impl(repository_ctx):
    lock = repository_ctx.path(repository_ctx.attr.lock)
    folder = repository_ctx.os.environ.get("TANDEM_VENVS") or str(repository_ctx.path("venvs"))
    result = repository_ctx.execute(
        [_find_python(repository_ctx), repository_ctx.path(repository_ctx.attr._make_venv), lock, folder],
        quiet = False,
        timeout = _TIMEOUT_SEC,
    )
    if result.return_code != 0:
        fail("The Python environment could not be made, see above.")
    python = result.stdout.strip()
    repository_ctx.file("BUILD", _BUILD.format(python = python), executable = False)
    for name in _distribution_names(repository_ctx.read(lock)):
        repository_ctx.file(name + "/BUILD", _DISTRIBUTION_BUILD.format(name = name), executable = False)

pypi_venv = repository_rule(
    implementation = _pypi_venv_impl,
    attrs = {
        "lock": attr.label(mandatory = True, allow_single_file = True),
        "_make_venv": attr.label(default = "//tools/build:make_venv.py", allow_single_file = True),
    },
    environ = ["TANDEM_VENVS", "PATH"],
    doc = "Installs a hashed requirements file into a virtual environment.",
)
