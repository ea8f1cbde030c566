"""A real PostgreSQL server for the tests: a private cluster in a throw-away folder, on a free port of this machine only.

`pytest-postgresql` would start one too, but not for root (PostgreSQL refuses to run as root, and a container's tests are
root's). Passwords are asked for, so that what must keep them secret is tested with one that matters.
"""

import contextlib
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.store.engine import Store

START_SECONDS = 60
MISSING = "PostgreSQL is not installed here (Debian: apt-get install postgresql)"
_TEMPLATE = "migrated"
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
    "timezone": "Asia/Kathmandu",  # whoever forgets zones is off by 5 h 45 min
}


class Server:
    """A cluster of its own, with as many databases as there are tests."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.password = secrets.token_urlsafe(12)
        self._binaries = binaries
        self._folder = folder
        self._data = folder / "data"
        self._user = _unprivileged()
        self._made = 0
        if self._user is not None:
            shutil.chown(folder, self._user)
        (folder / "password").write_text(self.password)
        subprocess.run(
            [
                *(binaries / "initdb", "--pgdata", self._data, "--username", "tests", "--auth", "scram-sha-256"),
                *("--pwfile", folder / "password", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            check=True,
            user=self._user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        self.port = _free_port()
        self.start()
        store = Store(self.create(), folder)
        store.migrate()
        store.engine.dispose()
        self.run(f"ALTER DATABASE test_1 RENAME TO {_TEMPLATE}")

    def start(self) -> None:
        """Start the server and wait until it lets one in."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._binaries / "postgres", "-D", self._data, "-p", str(self.port), "-k", self._folder),
                    *(f"--{name}={value}" for name, value in _SETTINGS.items()),
                ],
                user=self._user,
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_the_tests,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"PostgreSQL did not start:\n{(self._folder / 'server.log').read_text()[-2000:]}")
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server; whoever is connected is cut off. With SIGQUIT it ends at once, as in a crash."""
        self._process.send_signal(how)
        self._process.wait(timeout=START_SECONDS)

    def is_up(self) -> bool:
        """Whether the server runs."""
        return self._process.poll() is None

    def create(self, template: str = "template0") -> str:
        """The URL of a new database, without tables."""
        self._made += 1
        name = f"test_{self._made}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def create_migrated(self) -> str:
        """The URL of a new database with the newest schema."""
        return self.create(_TEMPLATE)

    def drop(self, url: str) -> None:
        """Remove a database, whoever still uses it."""
        self.run(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def url(self, database: str) -> str:
        """Where a database is, as an operator would write it."""
        return f"postgresql://tests:{self.password}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """Carry out a statement as the server's administrator."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server that is gone afterwards. Without the programs the test is skipped; where they have to be there it fails."""
    binaries = _binaries()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="unconfound-postgresql-"))
    try:
        server = Server(binaries, folder)
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path | None:
    """The folder of the newest PostgreSQL; Debian keeps it off the path."""
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    found = there[-1] if there else Path(on_path).resolve() if on_path else None
    return None if found is None else found.parent


def _unprivileged() -> str | None:
    """Who runs the server where the tests are root's."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


def _die_with_the_tests() -> None:
    """A server must not outlive tests that were killed (Linux only)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
