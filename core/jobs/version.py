"""Which code a worker runs: a hash of the sources, so that a worker of an older version can be told apart."""

from functools import lru_cache
from hashlib import sha256

from core.settings import PROJECT


@lru_cache(maxsize=1)
def code_version() -> str:
    """The first 12 digits of a SHA-256 over every Python file of `core`, by path."""
    digest = sha256()
    for path in sorted((PROJECT / "core").rglob("*.py")):
        digest.update(path.relative_to(PROJECT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
