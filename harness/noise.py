"""How evenly the machine works, told before a trial that counts.

A fixed piece of work is timed several times. It is large against the clock's resolution on any
device: so many reference steps as take a twentieth of a second together.
"""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

from spec.event_pb2 import NoiseCheck

REPETITIONS = 7
PIECE_SEC = 0.05


def check(
    reference_step: Callable[[Any], Any],
    synchronize: Callable[[Any], None],
    now: Callable[[], float] = time.perf_counter,
) -> NoiseCheck:
    """Times pieces of reference steps, each waited for.

    Args:
      reference_step: enqueues the same work at every call; takes what it gave before, at first None.
      synchronize: waits until that is computed.
      now: seconds of a clock that does not go back.
    """
    state = reference_step(None)

    def piece(num_steps: int) -> float:
        nonlocal state
        start = now()
        for _ in range(num_steps):
            state = reference_step(state)
        synchronize(state)
        return now() - start

    piece(1)  # compiles, and fills caches
    num_steps = max(1, math.ceil(PIECE_SEC / max(piece(1), 1e-6)))
    piece(num_steps)  # brings the processor's frequency up
    seconds = [piece(num_steps) for _ in range(REPETITIONS)]
    spread = (max(seconds) - min(seconds)) / statistics.median(seconds)
    return NoiseCheck(seconds=seconds, spread=spread)
