"""What `python.exe` of a virtual environment is on Windows: a process that starts the real Python, waits, and takes it along."""

import ctypes
import os
import signal
import sys

PDEATHSIG = 1  # of prctl

child = os.fork()
if child == 0:
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
_, status = os.waitpid(child, 0)
code = os.waitstatus_to_exitcode(status)
os._exit(code if code >= 0 else 15)  # a process that was ended has the exit code that its killer chose
