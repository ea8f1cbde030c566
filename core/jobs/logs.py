"""What jobs printed: a file on the machine that ran them, and with a remote artifact root a copy there for all others.

Each worker's machine sends its own part of a job's log (`jobs/<id>.log/<machine>`), so a job that has moved loses nothing.
"""

import os
import socket
import sys
import threading
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from core.store.artifacts import Artifacts
from core.store.engine import Store
from core.store.remote import ArtifactTroubleError

EVERY_SECONDS = 20.0
LAST_SECONDS = 10.0


def log_path(store: Store, job_id: str) -> Path:
    """The file that holds what a job printed on this machine."""
    return store.artifacts.path(f"jobs/{job_id}.log")


def read_log(store: Store, job_id: str, last: int | None = None) -> tuple[str, int]:
    """What a job printed wherever it ran, or the last so many bytes of it; and how many bytes there are.

    Of a remote root that does not answer only this machine's part is shown.
    """
    others = b""
    with suppress(ArtifactTroubleError):
        others = _elsewhere(store.artifacts, job_id)
    path = log_path(store, job_id)
    size = path.stat().st_size if path.exists() else 0
    mine = b""
    if size:
        with path.open("rb") as handle:
            handle.seek(max(0, size - last) if last is not None else 0)
            mine = handle.read()
    text = others + mine
    return text[-last:].decode("utf-8", "replace") if last else text.decode("utf-8", "replace"), len(others) + size


def print_into(log: Path) -> None:
    """Lead what this process and those it starts print into a file, which is there."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)


def _elsewhere(artifacts: Artifacts, job_id: str) -> bytes:
    remote, key = artifacts.remote, f"jobs/{job_id}.log"
    if remote is None:
        return b""
    parts = [name for name in remote.names(key) if name != _machine(artifacts)]
    return b"".join(remote.read(f"{key}/{name}") or b"" for name in parts)


def _machine(artifacts: Artifacts) -> str:
    """A name for this machine's part: its own, and which of its caches it is."""
    return f"{socket.gethostname()}-{sha256(str(artifacts.root).encode()).hexdigest()[:8]}"


class LogSender:
    """Sends the logs of a worker's jobs from a thread of its own, now and then and once more when a job has ended.

    A root that does not answer keeps neither the worker nor a job waiting; the log is sent when it answers again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sent: dict[str, int] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def follow(self, job_id: str) -> None:
        """A job begins to print."""
        if self._store.artifacts.remote is None:
            return
        with self._lock:
            self._sent.setdefault(job_id, -1)
            self._ended.discard(job_id)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log-sender", daemon=True)
            self._thread.start()

    def ended(self, job_id: str) -> None:
        """A job prints no more."""
        with self._lock:
            self._ended.add(job_id)
        self._wake.set()

    def close(self) -> None:
        """Send what is left, if the root takes it soon."""
        if self._thread is not None:
            self._closing = True
            self._wake.set()
            self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        while True:
            closing = self._closing
            with self._lock:
                followed, ended = list(self._sent), set(self._ended)
            for job_id in followed:
                with suppress(ArtifactTroubleError, OSError):
                    self._send(job_id)
                    if job_id in ended:
                        self._forget(job_id)
            if closing:
                return
            self._wake.wait(EVERY_SECONDS)
            self._wake.clear()
            time.sleep(0.1)  # several that end together are sent together

    def _send(self, job_id: str) -> None:
        artifacts = self._store.artifacts
        assert artifacts.remote is not None
        content = log_path(self._store, job_id).read_bytes()
        if len(content) != self._sent[job_id]:
            artifacts.remote.write(f"jobs/{job_id}.log/{_machine(artifacts)}", content)
            self._sent[job_id] = len(content)

    def _forget(self, job_id: str) -> None:
        with self._lock:
            if job_id in self._ended:
                self._ended.discard(job_id)
                del self._sent[job_id]
