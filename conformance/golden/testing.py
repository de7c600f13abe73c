"""For tests: where golden numbers are, if they are at hand."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(os.environ.get("TANDEM_SHARED", ROOT.parent / "shared")) / "reference" / "golden"
VECTORS = GOLDEN / "vectors"

needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(),
    reason="no golden vectors; TANDEM_SHARED names the folder that has reference/golden",
)
