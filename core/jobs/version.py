"""Which code a worker runs: a hash of the sources, so that a worker of an older version can be told apart and replaced."""

import subprocess
import sys
import time
from functools import lru_cache
from hashlib import sha256

from core.settings import PROJECT

LOOK_SECONDS = 5.0
TRY_SECONDS = 60.0


@lru_cache(maxsize=1)
def code_version() -> str:
    """The first 12 digits of a SHA-256 over every Python file of `core`, by path, as they were when first asked."""
    return version_on_disk()


def version_on_disk() -> str:
    """The same of the files as they are now."""
    digest = sha256()
    for path in sorted((PROJECT / "core").rglob("*.py")):
        digest.update(path.relative_to(PROJECT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Renewal:
    """Notices that the code has changed, once it has stood still between two looks and can be started."""

    def __init__(self) -> None:
        self.seen = self.tried = code_version()
        self.looked_at = time.monotonic()

    def is_due(self) -> bool:
        """Whether a worker should make room for one with the code on disk."""
        if time.monotonic() - self.looked_at < LOOK_SECONDS:
            return False
        self.looked_at = time.monotonic()
        try:
            before, self.seen = self.seen, version_on_disk()
        except OSError:  # a file went away while it was read
            return False
        if self.seen == code_version() or self.seen != before or self.seen == self.tried:
            return False
        self.tried = self.seen
        return _starts()


def _starts() -> bool:
    command = [sys.executable, "-c", "import core.__main__, core.commands.jobs, core.jobs.run"]
    try:
        return (
            subprocess.run(command, cwd=PROJECT, capture_output=True, timeout=TRY_SECONDS, check=False).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False
