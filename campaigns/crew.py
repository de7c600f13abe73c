"""Runs one PyTorch trial as several processes of this machine, each with a GPU of its own where there
are any:  python -m campaigns.crew N PROGRAM...

torchrun does that too. Here the exit status is that of rank 0, which has the trial's outcome, a signal
that asks the trial to stop reaches it once, and nothing is left when this process is gone.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Sequence

from campaigns import leash
from harness.processes import torch_ranks

GRACE_SEC = 120.0  # that the others have to end, or to make a checkpoint, when one rank has ended


def main(num_ranks: int, program: Sequence[str]) -> int:
    """Runs `python PROGRAM...` as so many ranks; returns the exit status of rank 0.

    SIGINT and SIGTERM are passed on to rank 0, which agrees with the others on what follows.
    """
    command = [sys.executable, leash.__file__, signal.SIGKILL.name, str(os.getpid())]
    command += [sys.executable, "-P", *program]
    ranks: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, frame: types.FrameType | None) -> None:
        ranks[0].send_signal(number)

    try:
        for told in torch_ranks(num_ranks):
            # A group of its own: a signal to this process's group would reach it a second time.
            ranks.append(subprocess.Popen(command, env={**os.environ, **told}, process_group=0))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        deadline = time.monotonic() + GRACE_SEC
        for rank in ranks:
            with contextlib.suppress(subprocess.TimeoutExpired):
                rank.wait(max(deadline - time.monotonic(), 0))
    finally:
        for rank in ranks:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(rank.pid, signal.SIGKILL)
    status = ranks[0].wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
