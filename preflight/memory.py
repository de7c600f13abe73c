"""What training needs of an accelerator's memory at least: parameters, gradients, the submission's
state, and what a forward pass keeps for the backward pass.

    python -m preflight.memory --out FOLDER

leaves `answer.json` in FOLDER with the bytes that an example of each scored workload keeps; in a
process of its own, because it needs PyTorch, whatever the submission's framework.
"""

import argparse
import json
import math
from pathlib import Path

from spec import loading
from spec.files import write_text

RULESET = loading.load_ruleset("v0.6", "external")
_FLOAT_BYTES = 4


def needed_bytes(
    workload: str,
    batch_size: int,
    state_bytes: int,
    growth: float,
    example_bytes: float,
    num_accelerators: int,
) -> int:
    """Bytes on each accelerator. All parameters are on each, and a part of every batch.

    Args:
      workload: name.
      batch_size: over all accelerators.
      state_bytes: of the submission's state before the first step.
      growth: bytes that its state gets in the first steps for each byte of parameters.
      example_bytes: that an example keeps for the backward pass.
      num_accelerators: that share a batch.
    """
    manifest = loading.load_manifest(workload)
    assert manifest is not None, workload
    numbers = sum(math.prod(parameter.shape) for parameter in manifest.parameters)
    examples = batch_size / num_accelerators
    return round(numbers * _FLOAT_BYTES * (2 + growth) + state_bytes + examples * example_bytes)


def main() -> None:
    parser = argparse.ArgumentParser(description="Estimates what an example keeps in memory.")
    parser.add_argument("--out", required=True, type=Path)
    out = parser.parse_args().out
    from backends.pytorch.memory import activation_bytes  # loads torch

    found = {}
    for name in RULESET.base_workloads:
        message = loading.load_workload(name)
        try:
            found[name] = activation_bytes(message, 2) - activation_bytes(message, 1)
        except NotImplementedError:  # the model asks for values, which the meta device has not
            continue
    write_text(out / "answer.json", json.dumps({"findings": [], "example_bytes": found}))


if __name__ == "__main__":
    main()
