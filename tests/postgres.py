"""A real PostgreSQL server of the tests' own: made in a folder, on a free port of the loopback, gone afterwards."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from core.store.engine import Store

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "timezone": "Asia/Kathmandu",  # whoever forgets zones is off by 5 h 45 min
}
PASSWORD = "not-to-be-seen"


def binaries() -> Path | None:
    """The folder of `initdb` and its like; Debian keeps them off the path."""
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).parent
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(re.sub(r"\D", "", str(path)))
    )
    return versions[-1].parent if versions else None


@dataclass(eq=False)
class Server:
    """A running server, and databases on it that begin as copies of an empty store."""

    commands: Path
    folder: Path
    port: int

    def __post_init__(self) -> None:
        self._numbers = count()
        self._line: Connection | None = None

    def url(self, database: str) -> str:
        return f"postgresql://unconfound:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in SETTINGS.items())
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "server.log", "-o", f"-p {self.port} {options}")

    def stop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", "data")

    def fresh(self, template: str | None = None) -> str:
        """The URL of a new database."""
        name = f"store_{next(self._numbers)}"
        if template:
            self._copy(template, name)
        else:
            self.say(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.say(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def replace(self, url: str, template: str) -> None:
        """Make a database a copy of another one, to which nobody is connected; both are URLs."""
        self.drop(url)
        self._copy(template.rpartition("/")[2], url.rpartition("/")[2])

    def make(self) -> None:
        """The cluster, and the template that every test's database is copied from."""
        (self.folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self.folder, "postgres")
            shutil.chown(self.folder / "password", "postgres")
        self._run(
            "initdb", "-D", "data", "-U", "unconfound", "--pwfile=password", "-A", "scram-sha-256", "-E", "UTF8", "-N"
        )
        self.start()
        self.say("CREATE DATABASE migrated")
        store = Store(self.url("migrated"), self.folder / "nothing")
        store.migrate()
        store.engine.dispose()

    def say(self, statement: str, database: str | None = None) -> None:
        """Carry out a statement as the server's administrator; without `database`, over the line that is kept for it."""
        if database is None:
            self._kept().execute(text(statement))
            return
        engine = self._administrator(database)
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def _kept(self) -> Connection:
        """A line of the administrator's until the server stops."""
        if self._line is None:
            self._line = self._administrator("postgres").connect()
        return self._line

    def _administrator(self, database: str) -> Engine:
        return create_engine(self.url(database).replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT")

    def _copy(self, template: str, name: str) -> None:
        """By files, where PostgreSQL can be told so; by its log, as it would from 15 on, it takes twice as long."""
        told = (self._kept().dialect.server_version_info or (0,)) >= (15,)
        self.say(f"CREATE DATABASE {name} TEMPLATE {template}" + (" STRATEGY FILE_COPY" if told else ""))

    def _run(self, command: str, *arguments: str) -> None:
        user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [self.commands / command, *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=120,
            **user,
        )
        log = self.folder / "server.log"
        assert done.returncode == 0, f"{command} failed: {log.read_text()[-2000:] if log.exists() else ''}"


@contextmanager
def serving() -> Iterator[Server]:
    """A server until the block ends. Its folder is not one of pytest's, which are open to nobody but their user."""
    commands = binaries()
    if commands is None:
        message = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="unconfound-postgres-") as folder:
        server = Server(commands, Path(folder), port)
        server.make()
        try:
            yield server
        finally:
            server.stop()
