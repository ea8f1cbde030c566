"""The real dashboard, or another Streamlit script, over a store of one's own; for tests, benchmarks and the guide."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import Store, open_store

START_SECONDS = 120


@dataclass(frozen=True)
class Dashboard:
    """A running server and its store."""

    url: str
    home: Path
    pid: int

    @property
    def store(self) -> Store:
        """The store that the server works on."""
        return open_store(Settings(home=self.home))


@contextmanager
def serving(
    home: Path, app: str = "app.py", base: str = "", port: int | None = None, **environment: str
) -> Iterator[Dashboard]:
    """A dashboard over `home`, ended together with its worker; its output is in `server.log` there.

    Args:
        app: the Streamlit script. One that starts no worker needs `UNCONFOUND_START_WORKER="false"`, or it is waited for.
        base: the path that it is told to stand under.
        environment: more settings, over those of this process.

    Raises:
        RuntimeError: the server did not start; its log is quoted.
    """
    home.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", app, "--server.port", str(port)]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, "UNCONFOUND_HOME": str(home), "UNCONFOUND_MIN_FREE_MB": "50", **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    dashboard = Dashboard(f"http://localhost:{port}{f'/{base}' if base else ''}", home, server.pid)
    try:
        _wait_for_health(dashboard, server)
        yield dashboard
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
        if environment.get("UNCONFOUND_START_WORKER") != "false":
            _end_worker(dashboard)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_health(dashboard: Dashboard, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        if _is_well(dashboard):
            return
        time.sleep(0.2)
    told = (dashboard.home / "server.log").read_text("utf-8", "replace")
    raise RuntimeError(f"The server did not start. Its log ends with:\n{told[-2000:]}")


def _is_well(dashboard: Dashboard) -> bool:
    where = urlsplit(dashboard.url)
    connection = HTTPConnection(str(where.hostname), where.port, timeout=2)
    try:
        connection.request("GET", f"{where.path}/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _end_worker(dashboard: Dashboard) -> None:
    """End the detached worker; one that was only just started is waited for first."""
    deadline = time.monotonic() + 20
    while not (workers := queries.live_workers(dashboard.store)) and time.monotonic() < deadline:
        time.sleep(0.5)
    for worker in workers:
        try:
            process = psutil.Process(worker.pid)
        except psutil.NoSuchProcess:
            continue
        tree = [process, *process.children(recursive=True)]
        for one in tree:
            one.kill()
        psutil.wait_procs(tree, timeout=10)
