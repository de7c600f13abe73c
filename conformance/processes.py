"""Testees in processes of their own, and questions to them."""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conformance.arrays import Arrays
from spec.loading import SpecError

PACKAGES = {"jax": "jax", "pytorch": "torch"}  # what a backend cannot do without
BACKENDS = tuple(PACKAGES)

# XLA without LLVM's optimisation and with its older code generator compiles in about a quarter of the
# processor time. The rewriting of the program before, which is where a backend's own mistakes could
# hide, is the same; the code that comes out is slow, which a tiny model does not notice.
QUICK_COMPILATION = "--xla_backend_optimization_level=0"
OLDER_GENERATOR = "--xla_cpu_use_fusion_emitters=false"
WITHOUT_OLDER_GENERATOR = (0, 11)  # of jaxlib, which ends at a flag that it does not know
# PyTorch's threads spin while they wait for each other, and a tiny model makes them wait: on two
# processors they took ten times the processor time of one.
THREADS = "1"


def quick_compilation(jaxlib: str) -> str:
    """The words for XLA_FLAGS that a version of jaxlib takes."""
    has_both = tuple(map(int, jaxlib.split(".")[:2])) < WITHOUT_OLDER_GENERATOR
    return f"{QUICK_COMPILATION} {OLDER_GENERATOR}" if has_both else QUICK_COMPILATION


class TesteeError(RuntimeError):
    """A backend could not answer. The text is its traceback, or says how its process ended."""


class Process:
    """A testee in a process of its own."""

    def __init__(
        self, backend: str, command: Sequence[str] | None = None, *, optimized: bool = False
    ):
        """`command` starts another program that answers the same questions. `optimized` compiles as
        for training, and computes with all threads; so do an XLA_FLAGS of the caller that says so,
        since its words come last, and an OMP_NUM_THREADS.
        """
        self.backend = backend
        command = command or [sys.executable, "-m", "conformance.testee", "--backend", backend]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        if not optimized:
            words = [os.environ.get("XLA_FLAGS", "")]
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                words.insert(0, quick_compilation(importlib.metadata.version("jaxlib")))
            environment["XLA_FLAGS"] = " ".join(words).strip()
            environment.setdefault("OMP_NUM_THREADS", THREADS)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._folder = tempfile.TemporaryDirectory(prefix="conformance-")

    def send(self, question: str, **arguments: Any) -> None:
        """Asks without waiting for the answer."""
        assert self._process.stdin is not None
        out = str(Path(self._folder.name) / "answer.npz")
        request = {"question": question, "out": out, **arguments}
        with contextlib.suppress(BrokenPipeError):  # `receive` says how the process ended
            print(json.dumps(request), file=self._process.stdin, flush=True)

    def receive(self) -> Arrays:
        """The answer to the question that was sent; TesteeError if it is none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise TesteeError(f"backend {self.backend} ended with status {self._process.wait()}")
        answer = json.loads(line)
        if not answer["ok"]:
            raise TesteeError(answer["error"])
        with np.load(Path(self._folder.name) / "answer.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    def ask(self, question: str, **arguments: Any) -> Arrays:
        """The answer to a question."""
        self.send(question, **arguments)
        return self.receive()

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()


@contextlib.contextmanager
def running(
    backends: Sequence[str] = BACKENDS, *, optimized: bool = False
) -> Iterator[list[Process]]:
    """One running testee per backend, for models of published size `optimized`; SpecError if a
    framework is not installed.
    """
    for name in backends:
        if importlib.util.find_spec(PACKAGES[name]) is None:
            advice = f"pip install -e '.[{name}]' in the checkout installs what it needs"
            raise SpecError(f"backend {name}: {PACKAGES[name]} is not installed; {advice}")
    with contextlib.ExitStack() as stack:
        started = (Process(name, optimized=optimized) for name in backends)
        yield [stack.enter_context(contextlib.closing(process)) for process in started]
