"""The worker of an isolated trial of fakes, for tests."""

import sys

from harness import submission, worker
from harness.fakes import FakeBackend, Machine

if __name__ == "__main__":
    sys.exit(worker.main(lambda *_: FakeBackend(Machine()), submission.load, sys.argv[3:]))
