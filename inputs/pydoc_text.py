"""Source `pydoc_text`: the text behind Python's help() as sequences of bytes."""

import hashlib
import platform
import warnings

import numpy as np

from inputs.pipeline import Batch
from spec.loading import SpecError
from spec.workload_pb2 import Workload


def open_source(workload: Workload) -> "PydocText":
    return PydocText(workload)


class PydocText:
    """Byte sequences int32 [B, T] under `inputs`, the same one byte later under `targets`."""

    noise_size = 0

    def __init__(self, workload: Workload):
        text = _text()
        self.sha256 = hashlib.sha256(text).hexdigest()
        editions = {e.sha256: e.python for e in workload.dataset.pydoc_text.editions}
        if self.sha256 not in editions:
            warnings.warn(
                f"the help text of Python {platform.python_version()} (SHA-256 {self.sha256}) is none of those that "
                f"workload {workload.name} lists ({', '.join(editions.values())}): results are not comparable with "
                "theirs",
                stacklevel=2,
            )
        length = workload.model.transformer_lm.sequence_length + 1
        splits = workload.splits
        needed = splits.train + splits.validation + splits.test
        if len(text) < needed * length:
            raise SpecError(
                f"the help text of Python {platform.python_version()} has {len(text)} bytes, "
                f"workload {workload.name} needs {needed * length}"
            )
        sequences = np.frombuffer(text, np.uint8)[: needed * length].reshape(needed, length)
        # Topics are in order of their names, so neighbours are alike. Every part of the text gives
        # to every split.
        kind = np.arange(needed) * 997 % needed
        self._sequences = {
            "train": sequences[kind < splits.train],
            "validation": sequences[
                (kind >= splits.train) & (kind < splits.train + splits.validation)
            ],
            "test": sequences[kind >= splits.train + splits.validation],
        }

    def num_examples(self, split: str) -> int:
        return len(self._sequences[split])

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        chosen = self._sequences[split][indices].astype(np.int32)
        inputs, targets = chosen[:, :-1].copy(), chosen[:, 1:].copy()
        return {"inputs": inputs, "targets": targets}


def _text() -> bytes:
    from pydoc_data import topics  # half a megabyte of source: only read when it is used

    return "".join(topics.topics[name] for name in sorted(topics.topics)).encode()
