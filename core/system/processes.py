"""Starting a process that stands on its own, and ending one with all that hangs on it."""

import os
import sys
from contextlib import suppress
from typing import Any, NoReturn

import psutil

KILLED = -9
"""Exit code that `subprocess` gives for a process that was killed; on Windows it has the killer's choice instead."""

_NEW_GROUP, _NO_WINDOW = 0x0000_0200, 0x0800_0000  # of CreateProcess


def apart() -> dict[str, Any]:
    """Arguments of `subprocess.Popen` for a process that lives on when the terminal, or who started it, goes.

    A session of its own. On Windows a group of its own, which no Ctrl-C reaches, and a console without a window (with
    none at all, every program that it starts would open one).
    """
    if sys.platform == "win32":
        return {"creationflags": _NEW_GROUP | _NO_WINDOW}
    else:
        return {"start_new_session": True}


def in_utf8() -> dict[str, str]:
    """Variables with which a Python prints UTF-8 into a log on Windows too, where else a letter such as θ ends it."""
    return {"PYTHONUTF8": "1"} if sys.platform == "win32" else {}


def leave(code: int) -> NoReturn:
    """End this process now, with what it has printed.

    Python takes apart all that was imported before it ends, for torch and transformers 0.2 s of a processor (AMD EPYC,
    2.6 GHz), and waits for threads, such as one of a broken connection. The system takes everything back without that.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def tree_memory(pid: int) -> int:
    """Bytes of memory that a process holds, with all below it; 0 if it has just ended.

    With those below it, since in a virtual environment on Windows `python` only starts the Python that does the work.
    """
    return sum(_resident(one) for one in tree(pid))


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it, the lowest first; none where it has ended."""
    try:
        top = psutil.Process(pid)
        return [*top.children(recursive=True), top]
    except psutil.NoSuchProcess:
        return []


def kill_tree(pid: int) -> None:
    """End a process and all below it at once. Whoever started it still waits for it."""
    for one in tree(pid):
        with suppress(psutil.NoSuchProcess):
            one.kill()


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
