"""A backup made while a training runs, restored elsewhere, goes on there and ends as the original does, to the last bit."""

from pathlib import Path

import pytest

from core.actions.backup import make_backup
from core.actions.datasets import add_sample
from core.actions.restore import restore_backup
from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.jobs.processes import end_tree
from core.settings import Settings, get_settings
from core.store import queries
from core.store.archive import reading
from core.store.engine import Store, open_store
from tests.faults.stubs import until
from tests.faults.test_kills import OPTIONS, everything

SHORT = {**OPTIONS, "label_epochs": "4", "checkpoints": "8"}


@pytest.mark.usefixtures("workers")
@pytest.mark.timeout(900)
def test_a_backup_of_a_running_training_goes_on_elsewhere_with_the_same_bits(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = add_sample(store, settings, "textlen")
    begun = start_training(
        store, settings, dataset, method="influence-tuning", encoder="tiny", options=SHORT, name="mine"
    )
    until(lambda: len(queries.checkpoints(store, str(begun.run.id))) > 2)
    make_backup(store, tmp_path / "b.tar", tell=lambda *_: None)
    assert queries.get_job(store, begun.job.id).status == "running", "the backup was made while it ran"
    assert wait_for(store, settings, begun.job.id).status == "done"
    reference = everything(store, "mine")
    with reading(tmp_path / "b.tar") as archive:
        assert archive.manifest.missing == []
        assert archive.names("states"), "it goes on from a state, not from the beginning"
    monkeypatch.setenv("UNCONFOUND_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("UNCONFOUND_DATABASE_URL", raising=False)
    get_settings.cache_clear()
    there = open_store(get_settings())
    assert restore_backup(there, get_settings(), tmp_path / "b.tar", tell=lambda *_: None).requeued == 1
    try:
        assert wait_for(there, get_settings(), begun.job.id).status == "done"
    finally:
        for one in queries.live_workers(there):
            end_tree(one.pid, grace=5)
    log = there.artifacts.path(f"jobs/{begun.job.id}.log").read_text()
    assert "Going on after step" in log
    assert everything(there, "mine") == reference
