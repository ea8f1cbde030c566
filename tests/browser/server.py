"""A real server to look at, and what tests say to a browser."""

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
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page

from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import Store, open_store

START_SECONDS = 120
PATIENCE = 60_000  # ms; the machine may be busy training for another test


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
    """A dashboard over `home`, ended together with its worker. `base`: the path that it is told to stand under."""
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
        try:
            with urllib.request.urlopen(f"{dashboard.url}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"The server did not start:\n{(dashboard.home / 'server.log').read_text()[-2000:]}")


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


def visit(page: Page, url: str) -> None:
    """Open an address and wait until everything has arrived; leaving earlier would cut off requests, with an error."""
    page.goto(url)
    settle(page)
    page.wait_for_load_state("networkidle")


def settle(page: Page) -> None:
    """Wait until the server has drawn the page."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(150)


def choose(page: Page, label: str, option: str) -> None:
    """Pick an option of a select box by the beginning of its text."""
    box = page.get_by_role("combobox", name=label).first
    box.scroll_into_view_if_needed()  # a list that opens while the page scrolls closes again
    page.wait_for_timeout(500)
    box.click()
    page.get_by_role("option", name=option).first.click()
    settle(page)
