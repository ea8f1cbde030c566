"""A store with made-up runs, filled once and copied for each test."""

import shutil
from pathlib import Path

import pytest

from core.settings import Settings
from core.store.engine import Store, open_store
from tests.actions.test_comparing import CIDS, FT, IT, add_group, add_run
from tests.pages import synthetic

HOSTILE_NAMES = ("</script><script>alert(1)</script>", "![x](https://example.invalid/p.png)", "‮nekorb 👩‍👩‍👧 هذا نص")


def _fill(store: Store) -> synthetic.Filled:
    filled = synthetic.fill(store)
    synthetic.add_rounds(store, filled.run)
    hostile = synthetic.add_dataset(store, f"data {HOSTILE_NAMES[0]}", n_train=300, n_dev=80, hostile=True)
    run = synthetic.add_run(store, hostile, f"run {HOSTILE_NAMES[0]} {HOSTILE_NAMES[2]}", error=HOSTILE_NAMES[1])
    synthetic.add_diagnosis(store, run, step=synthetic.STEPS[-1], effect=0.2, probes=16, source="dev")
    add_group(store, filled.dataset, "ft", FT, cids=CIDS["ft"])
    name = f"it {HOSTILE_NAMES[0]}"
    add_group(store, filled.dataset, name, IT, cids=CIDS["it"], method="influence-tuning", config={"label_epochs": 3})
    add_run(store, filled.dataset, name, 2029, 0.5, failed=True, method="influence-tuning")
    add_run(store, filled.dataset, name, 2030, 0.5, status="failed", method="influence-tuning")
    return filled


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, synthetic.Filled]:
    home = tmp_path_factory.mktemp("reports")
    store = open_store(Settings(home=home, database_url=None))
    store.migrate()
    filled = _fill(store)
    store.engine.dispose()
    return home, filled


@pytest.fixture
def filled(settings: Settings, store: Store, made: tuple[Path, synthetic.Filled]) -> synthetic.Filled:
    """A confounded run with rounds and control, a run whose every word is hostile, and two groups of seeds."""
    if store.engine.dialect.name != "sqlite":
        return _fill(store)
    store.engine.dispose()
    shutil.copytree(made[0], settings.home, dirs_exist_ok=True)
    return made[1]
