"""What several ranks put into one checkpoint, and each takes out of it: all that rank 0 has, and of the
others what is different there, such as the state of a random generator.
"""

import hashlib
import json
from typing import Any

import numpy as np
import safetensors.numpy

from harness.checkpoint import Arrays, Checkpoint
from harness.ranks import Ranks

_PREFIX = "ranks/"
_NEWLINE = b"\n"  # JSON has none


def collect(ranks: Ranks, arrays: Arrays, state: Any) -> tuple[dict[str, np.ndarray], Any]:
    """On rank 0, its own arrays and those of the others that differ, as `ranks/<rank>/<name>`; and by
    rank what else differs. All ranks call it together; the others get nothing of use.
    """
    if ranks.count == 1:
        return dict(arrays), {}
    digests = {name: _digest(array) for name, array in arrays.items()}
    of_first, state_of_first = ranks.gathered(None if ranks.index else [digests, state])[0]
    different = [name for name in arrays if digests[name] != of_first.get(name)]
    other = {"state": state} if state != state_of_first else {}
    if absent := sorted(of_first.keys() - arrays.keys()):
        other["absent"] = absent
    dense = {name: np.asarray(arrays[name], order="C") for name in different}
    mine = json.dumps(other).encode() + _NEWLINE + safetensors.numpy.save(dense)
    parts: list[bytes] = []

    def keep(all_parts: list[bytes]) -> bytes:
        parts.extend(all_parts)
        return b""

    ranks.exchange(mine, keep)
    collected, others = dict(arrays), {}
    for rank, part in enumerate(parts[1:], start=1):
        text, _, held = part.partition(_NEWLINE)
        others[str(rank)] = json.loads(text)
        for name, array in safetensors.numpy.load(held).items():
            collected[f"{_PREFIX}{rank}/{name}"] = array
    return collected, others


def own(ranks: Ranks, checkpoint: Checkpoint) -> tuple[dict[str, np.ndarray], Any]:
    """Arrays and state of this rank."""
    arrays, mine = checkpoint.arrays(), f"{_PREFIX}{ranks.index}/"
    other = checkpoint.content.get("others", {}).get(str(ranks.index), {})
    common = {name: array for name, array in arrays.items() if not name.startswith(_PREFIX)}
    for name in other.get("absent", []):
        del common[name]
    for name, array in arrays.items():
        if name.startswith(mine):
            common[name.removeprefix(mine)] = array
    return common, other.get("state", checkpoint.content["state"])


def _digest(array: np.ndarray) -> str:
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    digest.update(np.asarray(array, order="C").tobytes())
    return digest.hexdigest()
