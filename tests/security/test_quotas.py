"""One person's mistake does not keep everybody else from the machine: every quota is a setting, and holds."""

from pathlib import Path

import pytest

from core.actions.datasets import add_files, add_sample, caps_of
from core.actions.training import start_training
from core.actions.tuning import start_tuning
from core.datasets.mapping import ColumnMapping
from core.encoders.loading import load_classifier
from core.errors import UserError
from core.jobs.room import disk_has_room
from core.settings import Settings, get_settings
from core.store import queries
from core.store.engine import Store
from tests.faults.stubs import submit
from tests.pages import synthetic
from tests.pages.visits import keep


def limited(monkeypatch: pytest.MonkeyPatch, **values: object) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(f"UNCONFOUND_{name.upper()}", str(value))
    get_settings.cache_clear()
    return get_settings()


def test_epochs(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.actions.training.ensure_worker", lambda _settings: False)
    dataset = add_sample(store, settings, "textlen")
    few = limited(monkeypatch, max_epochs=3)
    for options in ({"label_epochs": "4"}, {"label_epochs": "3", "round_epochs": "4"}):
        with pytest.raises(UserError, match=r"epochs is 4; at most 3 are allowed here.*UNCONFOUND_MAX_EPOCHS"):
            start_training(store, few, dataset, method="influence-tuning", encoder="tiny", options=options)
    assert queries.list_runs(store) == []
    start_training(store, few, dataset, encoder="tiny", options={"label_epochs": "3"})


def test_epochs_of_a_round_by_hand(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.actions.tuning.ensure_worker", lambda _settings: False)
    run = synthetic.add_run(store, keep(store, n_train=60, n_dev=20), "first", steps=(10,))
    with store.writing() as session:
        from core.store.tables import Checkpoint

        for one in session.query(Checkpoint):
            one.path = f"runs/{run.id}/checkpoints/x"
    few = limited(monkeypatch, max_epochs=12)
    with pytest.raises(UserError, match="UNCONFOUND_MAX_EPOCHS"):
        start_tuning(store, few, queries.get_run(store, run.id), kind="influence", options={"round_epochs": "13"})


def test_model_size(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = add_sample(store, settings, "textlen")
    small = limited(monkeypatch, max_model_millions=20)
    with pytest.raises(
        UserError, match=r"minilm has 23 million parameters; at most 20 million.*UNCONFOUND_MAX_MODEL_MILLIONS"
    ):
        start_training(store, small, dataset)
    with pytest.raises(UserError, match=r"at most 20 million are allowed"):  # the job's own look, whatever was queued
        load_classifier("minilm", labels=["a", "b"], seed=1, max_parameters=small.max_parameters)


def test_queue_depth(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = add_sample(store, settings, "textlen")
    short = limited(monkeypatch, max_queue=2)
    submit(store)
    submit(store)
    with pytest.raises(UserError, match=r"The queue is full \(2 jobs wait\)"):
        start_training(store, short, dataset, encoder="tiny")
    assert queries.list_runs(store) == []


def test_rows_bytes_columns_and_cells_of_an_upload(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = limited(monkeypatch, max_rows=10, max_upload_mb=1, max_columns=4, max_cell_chars=100)
    assert (caps_of(few).rows, caps_of(few).bytes, caps_of(few).columns, caps_of(few).cell) == (10, 2**20, 4, 100)
    path = tmp_path / "data.csv"
    for content in (
        "t,l,c\n" + "x,a,b\n" * 11,
        "x" * (2**20 + 1),
        "a,b,c,d,e\n1,2,3,4,5\n",
        f"t,l,c\n{'x' * 101},a,b\n",
    ):
        path.write_text(content)
        with pytest.raises(UserError):
            add_files(
                store, few, name="d", files={"train": path}, mapping=ColumnMapping(text="t", label="l", confound="c")
            )
    assert queries.list_datasets(store) == []


def test_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit(store)
    assert not disk_has_room(store, limited(monkeypatch, min_free_mb=10**9))
    assert "waiting for disk space" in queries.get_job(store, job.id).message


@pytest.mark.parametrize(
    "setting",
    [
        "max_upload_mb",
        "max_rows",
        "max_columns",
        "max_cell_chars",
        "max_epochs",
        "max_model_millions",
        "max_queue",
        "max_job_hours",
        "min_free_mb",
    ],
)
def test_every_quota_is_a_setting_with_a_usable_default(setting: str) -> None:
    field = Settings.model_fields[setting]
    assert field.default > 0
    with pytest.raises(ValueError, match=setting):
        Settings(**{setting: -1})
