"""The worker of an isolated trial of a published submission (harness/worker.py)."""

import sys
from pathlib import Path

from compat import run
from harness import worker

if __name__ == "__main__":
    framework, module, *descriptors = sys.argv[1:]
    make_backend = run.prepare(framework, Path(worker.FOLDER) / module)
    sys.exit(worker.main(make_backend, run.load, descriptors))
