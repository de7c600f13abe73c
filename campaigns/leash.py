"""Becomes the command that it is given, which gets a signal when the parent process is gone, however that
ended:  python leash.py SIGNAL PARENT COMMAND...

Linux only; elsewhere the command runs on when its parent is killed.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2); it outlives exec

if __name__ == "__main__":
    number, parent, command = signal.Signals[sys.argv[1]], int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it was gone before
        sys.exit(128 + number)
    os.execv(command[0], command)
