"""A folder at a remote root, there whole or not at all: its files lie below a version, and one small object names it.

    <key>/<version>/<file> …   sent first
    <key>/manifest.json        sent last: the version, and size and SHA-256 of every file

So a half-sent folder is never seen, a second host that sends the same folder takes nothing from a reader of the first,
and what arrives is checked against what was sent.
"""

import json
import os
import shutil
import threading
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.store.remote import ArtifactTroubleError, Remote
from core.system.files import move

MANIFEST = "manifest.json"
HERE = ".manifest.json"
"""The manifest in the folder here: it was sent or fetched in this version."""
_TRIES = 2


def send(remote: Remote, folder: Path, key: str) -> None:
    """Send a folder in place of the version that was there. Hidden files stay here.

    Raises:
        ArtifactTroubleError: it could not be sent whole; the older version is still in place.
    """
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files = {name: path for name, path in files.items() if not any(part[0] == "." for part in name.split("/"))}
    listing = {name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for name, path in files.items()}
    version = sha256(json.dumps(listing, sort_keys=True).encode()).hexdigest()[:16]
    content = json.dumps({"version": version, "files": listing}, sort_keys=True).encode()
    before = remote.read(f"{key}/{MANIFEST}")
    if before != content:
        for name, path in files.items():
            remote.put(path, f"{key}/{version}/{name}")
        remote.write(f"{key}/{MANIFEST}", content)
        if before is not None:
            # Only this one: what else lies there may be another host's that is on its way.
            remote.remove(f"{key}/{json.loads(before)['version']}")
    (folder / HERE).write_bytes(content)


def fetch(remote: Remote, key: str, folder: Path) -> None:
    """Make a folder here the one at the root. Where the root has none, or only part of one, it stays as it is.

    Raises:
        ArtifactTroubleError: the root does not answer.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        for _ in range(_TRIES):  # it may be replaced while it is fetched
            content = remote.read(f"{key}/{MANIFEST}")
            if content is None:
                return
            if is_same(folder, content):
                os.utime(folder / HERE)  # used just now
                return
            if _fetched(remote, key, folder, content):
                return


def is_same(folder: Path, content: bytes) -> bool:
    """Whether a folder here holds just the files of a manifest, as it was sent or fetched."""
    try:
        if (folder / HERE).read_bytes() != content:
            return False
        here = {
            path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()
        }
    except OSError:
        return False
    here.pop(HERE, None)
    return here == {name: one["bytes"] for name, one in json.loads(content)["files"].items()}


def _fetched(remote: Remote, key: str, folder: Path, content: bytes) -> bool:
    manifest: dict[str, Any] = json.loads(content)
    mark = f"{os.getpid()}.{threading.get_ident()}"
    scratch, old = (folder.with_name(f".{folder.name}.{mark}.{kind}") for kind in ("part", "old"))
    scratch.mkdir()
    try:
        for name, expected in manifest["files"].items():
            target = (scratch / name).resolve()
            if not target.is_relative_to(scratch.resolve()):
                raise ValueError(f"{name!r} is outside the folder {key}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not remote.get(f"{key}/{manifest['version']}/{name}", target):
                return False
            if _sha256(target) != expected["sha256"]:
                raise ArtifactTroubleError(f"{key}/{name} came damaged from {remote.place}.")
        (scratch / HERE).write_bytes(content)
        if folder.exists():
            move(folder, old)
        move(scratch, folder)
    finally:
        for leftover in (scratch, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()
