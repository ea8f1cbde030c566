"""The real dashboard over a store of one's own, ended together with its worker."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import open_store

START_SECONDS = 120


@contextmanager
def serving(home: Path, app: str = "app.py", **environment: str) -> Iterator[str]:
    """The address of a dashboard over `home`, or of another Streamlit script.

    Raises:
        RuntimeError: the server did not start; its log is quoted.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = home / f"server-{port}.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", app, "--server.port", str(port)],
            cwd=PROJECT,
            env={
                **os.environ,
                "UNCONFOUND_HOME": str(home),
                "UNCONFOUND_MIN_FREE_MB": "50",
                "UNCONFOUND_CALIBRATE": "false",
                **environment,
            },
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    address = f"http://localhost:{port}"
    try:
        _wait_for_health(address, server, log)
        yield address
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
        if app == "app.py":
            _end_worker(home)


def _wait_for_health(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"The server did not start. Its log ends with:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def _end_worker(home: Path) -> None:
    """End the detached worker; one that was only just started is waited for first."""
    store = open_store(Settings(home=home))
    deadline = time.monotonic() + 20
    while not (workers := queries.live_workers(store)) and time.monotonic() < deadline:
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
