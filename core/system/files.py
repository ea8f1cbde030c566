"""Files put in place for certain.

On Linux and macOS a file may be renamed or removed while somebody reads it. Windows refuses that, and so do its virus scanners,
for the moment in which they look at what was just written: there it is tried again for some seconds.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 10.0


def flush(path: Path) -> None:
    """See to it that a file, or the names in a folder, are on the disk. Windows has no way to ask that of a folder."""
    if sys.platform == "win32":
        if path.is_dir():
            return
        how = os.O_RDWR | os.O_BINARY  # a file that is open for reading only cannot be flushed there
    else:
        how = os.O_RDONLY
    handle = os.open(path, how)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(source: Path, target: Path) -> None:
    """Give a file another name, in place of a file that has it."""
    _patiently(lambda: source.replace(target))


def move(source: Path, target: Path) -> None:
    """Give a folder or a file another name, which is free or that of an empty folder."""
    if sys.platform == "win32":
        with suppress(OSError):  # Windows does not put a folder in place of an empty one
            target.rmdir()
    _patiently(lambda: source.rename(target))


def remove(path: Path) -> None:
    """Remove a file, if it is there. One that somebody keeps open on Windows stays, and `doctor` tells of it."""
    if sys.platform == "win32":
        with suppress(PermissionError):
            _patiently(lambda: path.unlink(missing_ok=True))
    else:
        path.unlink(missing_ok=True)


def _patiently(do: Callable[[], object]) -> None:
    if sys.platform == "win32":
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                do()
            except PermissionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return
    else:
        do()
