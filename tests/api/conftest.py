"""The API before a store with made-up runs. Nothing that a test starts is worked on: the queue waits, no worker is started."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

import app as server
from core.api.service import PATH, routes
from core.settings import Settings, get_settings
from core.store.engine import Store, open_store
from tests import postgres
from tests.pages import synthetic

TOKEN = "a-token-of-sixteen-or-more"
STARTERS = (
    "actions.training",
    "actions.tuning",
    "actions.diagnosing",
    "actions.evaluating",
    "actions.trying",
    "api.jobs",
)


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


@dataclass(frozen=True)
class Made:
    """A store that is filled once and copied for each test. url: of its database, where that is no file in its folder."""

    home: Path
    filled: synthetic.Filled
    url: str | None


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[postgres.Server | None], Made]:
    """The store that is copied, on SQLite or on a server: made when the first test wants it."""

    @cache
    def make(server: postgres.Server | None) -> Made:
        home = tmp_path_factory.mktemp("filled")
        url = server.fresh() if server else None
        store = open_store(Settings(home=home, database_url=url))
        store.migrate()
        filled = synthetic.fill(store)
        store.engine.dispose()
        return Made(home, filled, url)

    return make


@pytest.fixture
def filled(
    request: pytest.FixtureRequest, settings: Settings, store: Store, made: Callable[[postgres.Server | None], Made]
) -> synthetic.Filled:
    """Three runs on two data sets, seven diagnoses."""
    server: postgres.Server | None = None
    if settings.database_url is not None:
        server = request.getfixturevalue("server")
    found = made(server)
    store.engine.dispose()
    if server is not None and found.url is not None:
        server.replace(str(settings.database_url), found.url)
    shutil.copytree(found.home, settings.home, dirs_exist_ok=True)
    return found.filled
