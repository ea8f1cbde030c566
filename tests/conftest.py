"""What every test shares: a store of its own, no network, and one thread a process (the suite runs three at a time)."""

import os
import sys
from contextlib import ExitStack

# What one process of the suite has compiled serves the hundreds after it, also where the environment says that none be kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

from core.system.imports import importing

_COLLECTING = ExitStack()
_COLLECTING.enter_context(importing())  # until all tests are collected: what is imported by then stays for good

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.pop("UNCONFOUND_DATABASE_URL", None)  # whoever runs the tests may have a store of his own
if "UNCONFOUND_TEST_GPU" not in os.environ:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the same tests on every machine; those in tests/gpu are for a GPU
os.environ["UNCONFOUND_CALIBRATE"] = "false"  # every worker of a test would measure the busy machine anew
os.environ["UNCONFOUND_SPARE_PROCESS"] = "false"  # and make a process ready that the test needs no more

from core.settings import Settings, get_settings
from core.store.engine import Store, open_store
from tests import postgres

DATABASES = ("sqlite", "postgresql")
LONGEST = (
    "browser/test_every_state.py",
    "faults/test_kills.py",
    "training/test_rounds.py",
    "jobs/test_supervisor.py",
    "faults/test_slots.py",
    "browser/test_diagnose.py",
    "faults/test_ray.py",
    "browser/test_visitors.py",
    "commands/test_commands.py",
    "browser/test_tune.py",
    "faults/test_ranks.py",
    "browser/test_sign_in.py",
    "faults/test_store.py",
    "browser/test_tour.py",
    "systems/test_jobs.py",
    "browser/test_journey.py",
    "faults/test_backup.py",
    "browser/test_try.py",
    "api/test_server.py",
    "commands/test_tuning.py",
)
"""Files that begin first, so that no process works alone at the end; those that wait much between those that draw much, so
that seldom all processes wait at once."""
PLACES = {name: number for number, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(key=lambda item: PLACES.get(f"{item.path.parent.name}/{item.path.name}", len(PLACES)))


def pytest_collection_finish() -> None:
    """What is there now is never looked through again; what tests make is."""
    _COLLECTING.close()


def pytest_unconfigure() -> None:
    """The process that hands the tests out collects none."""
    _COLLECTING.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `both_databases` that have a store run once on each."""
    if "database" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_databases"):
        metafunc.parametrize("database", DATABASES, indirect=True)


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """A real PostgreSQL server, started when the first test asks for it."""
    with postgres.serving() as running:
        yield running


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the store's rows are: None for its own SQLite file, or the URL of a fresh PostgreSQL database.

    `UNCONFOUND_TEST_DATABASE=postgresql make test` puts every store of every test there.
    It has its tables where a test takes `store`. With `settings` alone it is empty, as the SQLite file is.
    """
    if getattr(request, "param", os.environ.get("UNCONFOUND_TEST_DATABASE", "sqlite")) == "sqlite":
        yield None
        return
    running = request.getfixturevalue("server")
    url = running.fresh(template="migrated" if "store" in request.fixturenames else None)
    yield url
    running.drop(url)


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing starts a worker, so that what a test queues for its own sake is not carried out beside the tests after it."""
    monkeypatch.setenv("UNCONFOUND_START_WORKER", "false")
    get_settings.cache_clear()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str | None) -> Iterator[Settings]:
    """Settings of a store in a fresh folder, for this process and those it starts."""
    monkeypatch.setenv("UNCONFOUND_HOME", str(tmp_path / "home"))
    if database is not None:
        monkeypatch.setenv("UNCONFOUND_DATABASE_URL", database)
    monkeypatch.setenv("UNCONFOUND_WORKER_IDLE_SECONDS", "5")
    monkeypatch.setenv("UNCONFOUND_MIN_FREE_MB", "50")
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and nothing in it, made once and copied for each test."""
    home = tmp_path_factory.mktemp("migrated")
    store = open_store(Settings(home=home, database_url=None))
    store.migrate()
    store.engine.dispose()
    [made] = home.glob("*.sqlite")
    return made


@pytest.fixture
def store(settings: Settings, migrated: Path) -> Store:
    """An empty store with the newest schema."""
    found = open_store(settings)
    if found.engine.dialect.name == "sqlite":  # a database on a server is a copy already
        file = Path(str(found.engine.url.database))
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(migrated, file)
    return found
