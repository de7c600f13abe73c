"""Becomes the command that it is given, which is asked to stop when the parent process is gone, however
that ended:  python leash.py PARENT COMMAND...

Linux only; elsewhere the command runs on when its parent is killed.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2); it outlives exec

if __name__ == "__main__":
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before
        sys.exit(128 + signal.SIGTERM)
    os.execv(command[0], command)
