"""What every test shares: a store of its own, no network, and one thread a process (the suite runs two at a time).

A store is a SQLite file. Tests marked `databases("sqlite", "postgresql")` run twice, the second time on a database of
their own on a real PostgreSQL server, which every process of pytest starts once.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["UNCONFOUND_CALIBRATE"] = "false"  # every worker of a test would measure the busy machine anew

from core.settings import Settings, get_settings
from core.store.engine import Store, open_store
from tests.postgresql import Server, serving


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once on each database that its nearest `databases` mark names."""
    mark = metafunc.definition.get_closest_marker("databases")
    if mark is not None and "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", mark.args, indirect=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real PostgreSQL server."""
    with serving() as server:
        yield server


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of the test's own PostgreSQL database, or None: the SQLite file in the store's folder, made when it is used.

    The database is empty for a test that takes `settings` alone, as the SQLite file is; with `store` it has its tables.
    """
    if getattr(request, "param", "sqlite") == "sqlite":
        yield None
        return
    server: Server = request.getfixturevalue("postgresql")
    url = server.create_migrated() if "store" in request.fixturenames else server.create()
    yield url
    server.drop(url)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str | None) -> Iterator[Settings]:
    """Settings of a store in a fresh folder, for this process and those it starts."""
    monkeypatch.setenv("UNCONFOUND_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UNCONFOUND_DATABASE_URL", database_url or "")
    monkeypatch.setenv("UNCONFOUND_WORKER_IDLE_SECONDS", "5")
    monkeypatch.setenv("UNCONFOUND_MIN_FREE_MB", "50")
    get_settings.cache_clear()
    settings = get_settings()
    yield settings
    open_store(settings).engine.dispose()
    get_settings.cache_clear()


@pytest.fixture
def store(settings: Settings) -> Store:
    """An empty store with the newest schema."""
    store = open_store(settings)
    store.migrate()
    return store
