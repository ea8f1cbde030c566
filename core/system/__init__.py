"""What Linux, macOS and Windows do differently: starting and ending processes, putting files in place, naming folders.

Everything that asks `sys.platform` for the sake of Windows or macOS is here, in `core.jobs.locks` and `core.jobs.processes`, or
says in a sentence what that system cannot do. `mypy --platform win32` and `--platform darwin` hold it, see the Makefile.
"""

import sys


def on_windows() -> bool:
    """Whether this is Windows: for what it cannot do, which is said in a sentence."""
    return sys.platform == "win32"
