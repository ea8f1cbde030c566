"""What lies here of a remote root, kept below a size: the files that were used longest ago go first.

Only what the root surely has goes: a file comes into the cache when it has been sent or fetched, a folder counts once
its manifest says that it is as it was sent. Logs and what belongs to this machine stay.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from core.store.folders import HERE, is_same

IDLE_SECONDS = 3600.0
"""What was used within this time stays, however full the cache: somebody may be reading it."""

ROOMS = ("datasets", "runs")


def trim(root: Path, keep_bytes: int) -> None:
    """Bring the cache below its size, as far as there is something to let go of."""
    entries = sorted(_entries(root))
    excess = sum(size for _, size, _ in entries) - keep_bytes
    newest = time.time() - IDLE_SECONDS
    for used, size, path in entries:
        if excess <= 0 or used > newest:
            return
        if path.is_dir() and not is_same(path, (path / HERE).read_bytes()):
            continue  # it has changed since it was sent
        away = path.with_name(f".{path.name}.{os.getpid()}.gone")
        with suppress(OSError):  # another process was quicker
            path.rename(away)
            if away.is_dir():
                shutil.rmtree(away, ignore_errors=True)
            else:
                away.unlink()
            excess -= size


def used(path: Path) -> None:
    """Note that a file of the cache is used just now."""
    with suppress(OSError):
        os.utime(path)


def _entries(root: Path) -> Iterator[tuple[float, int, Path]]:
    """(last used, bytes, path) of every file and every folder that was sent or fetched whole."""
    for room in ROOMS:
        for folder, below, names in os.walk(root / room):
            here = Path(folder)
            with suppress(OSError):
                if HERE in names:
                    below.clear()
                    size = sum(path.stat().st_size for path in here.rglob("*") if path.is_file())
                    yield (here / HERE).stat().st_mtime, size, here
                    continue
            below[:] = [one for one in below if not one.startswith(".") and not _is_folder_in_the_making(here, one)]
            for name in names:
                with suppress(OSError):
                    if not name.startswith("."):
                        found = (here / name).stat()
                        yield found.st_mtime, found.st_size, here / name


def _is_folder_in_the_making(above: Path, name: str) -> bool:
    """A checkpoint or a state that has not been sent yet."""
    folder = above / name
    return (above.name == "checkpoints" or name == "resume") and not (folder / HERE).exists()
