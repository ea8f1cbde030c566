"""The API before a store with made-up runs. Nothing that a test starts is worked on: the queue waits, no worker is started."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

import app as server
from core.api.service import PATH, routes
from core.settings import Settings, get_settings
from core.store.engine import Store, open_store
from tests.pages import synthetic

TOKEN = "a-token-of-sixteen-or-more"
STARTERS = ("actions.training", "actions.tuning", "actions.diagnosing", "actions.evaluating", "api.jobs")


@pytest.fixture
def token(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's token."""
    monkeypatch.setenv("UNCONFOUND_API_TOKEN", TOKEN)
    get_settings.cache_clear()
    return TOKEN


@pytest.fixture
def client(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Whoever reaches the server; without the token."""
    for module in STARTERS:
        monkeypatch.setattr(f"core.{module}.ensure_worker", lambda _settings: False)
    app = Starlette(routes=routes(), middleware=[Middleware(server.SecurityHeaders)])
    with TestClient(app, base_url=f"http://testserver{PATH}", raise_server_exceptions=False) as reached:
        yield reached


@pytest.fixture
def owner(client: TestClient, token: str) -> TestClient:
    """Whoever has the token."""
    client.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, synthetic.Filled]:
    """A store that is filled once and copied for each test."""
    home = tmp_path_factory.mktemp("filled")
    store = open_store(Settings(home=home))
    store.migrate()
    filled = synthetic.fill(store)
    store.engine.dispose()
    return home, filled


@pytest.fixture
def filled(settings: Settings, store: Store, made: tuple[Path, synthetic.Filled]) -> synthetic.Filled:
    """Three runs on two data sets, seven diagnoses."""
    if store.engine.dialect.name != "sqlite":
        return synthetic.fill(store)
    store.engine.dispose()
    shutil.copytree(made[0], settings.home, dirs_exist_ok=True)
    return made[1]
