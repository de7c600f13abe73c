"""The program under test: one backend in one process, answering questions about itself.

    python -m conformance.testee --backend jax

Questions are the methods of `Testee`; conformance/testee/serving.py says how they are put.
"""

import argparse
import importlib

from conformance.testee import serving


def main() -> None:
    parser = argparse.ArgumentParser(description="Answers questions about one backend.")
    parser.add_argument("--backend", required=True, choices=["jax", "pytorch"])
    backend = parser.parse_args().backend
    serving.run(importlib.import_module(f"conformance.testee.testee_{backend}").open_testee)


if __name__ == "__main__":
    main()
