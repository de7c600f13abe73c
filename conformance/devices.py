"""Runs one trial of a tiny workload as `tandem run` does, in conformance mode: with dropout masks from
the specification's generator, which are the same on any number of devices.

    python -m conformance.devices jax|pytorch [options of `tandem run`]

Batch norm, dropout, weights and a last batch of an evaluation that is not full are all in it.
"""

import importlib
import sys
from typing import Any

from harness import command
from spec.workload_pb2 import Workload

WORKLOAD = "tiny/librispeech_deepspeech"
DROPOUT_RATE = 0.2
EVAL_BATCH_SIZE = 48  # of 64 examples, on 1, 2 or 4 devices


def main(framework: str, *arguments: str) -> int:
    backends = importlib.import_module(f"backends.{framework}.run")
    workloads = importlib.import_module(f"backends.{framework}.workload")
    placement = importlib.import_module(f"backends.{framework}.placement")

    def make_backend(message: Workload, version: str) -> Any:
        message.dropout_rate = DROPOUT_RATE
        message.eval_batch_size = EVAL_BATCH_SIZE
        backend = backends.Backend(message, version)
        backend.workload = workloads.Workload(message, version, shared_masks=True)
        return backend

    argv = ["--workload", WORKLOAD, *arguments]
    return command.main(argv, framework, make_backend, meet=placement.meet)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
