import subprocess
import sys

PROGRAM = """
import threading
from spec import command_line
command_line.LINGER_SEC = 0
threading.Thread(target=threading.Event().wait).start()
command_line.end(3)
"""


def test_a_thread_that_never_ends_does_not_keep_a_command() -> None:
    path = ":".join(path for path in sys.path if path)
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, env={"PYTHONPATH": path}, timeout=60, capture_output=True)
    assert (ended.returncode, ended.stdout) == (3, b"")
    assert ended.stderr == b"threads that ran on for 0 s are ended\n"
