"""The store check finds what is wrong, says what to do, and mends without losing anything."""

import json
import os
import sqlite3
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from core.__main__ import main
from core.actions.demo import add_demo
from core.actions.doctor import machine
from core.actions.doctor.check import check_store
from core.actions.doctor.finding import Finding
from core.jobs import queue
from core.settings import Settings, get_settings
from core.store.engine import Store, open_store
from core.store.migrate import upgrade_to
from core.store.remote import Remote
from core.store.tables import Evaluation, Run
from tests.faults.stubs import stub_gpus


def found(store: Store, settings: Settings, check: str, *, mend: bool = False) -> list[Finding]:
    return [one for one in check_store(store, settings, mend=mend) if one.check == check]


def put(store: Store, relative: str, *, hours: float = 2) -> Path:
    path = store.artifacts.path(relative)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    for one in (path, *path.parents):
        if one == store.artifacts.root:
            break
        os.utime(one, (time.time() - 3600 * hours,) * 2)
    return path


@pytest.mark.both_databases
def test_a_store_with_the_demo_is_healthy(store: Store, settings: Settings) -> None:
    add_demo(store)
    said = check_store(store, settings)
    assert [one for one in said if one.level == "problem"] == []
    assert {"database", "schema", "integrity", "workers", "files", "orphans", "devices", "encoders", "disk"} <= {
        one.check for one in said
    }
    for one in said:
        assert one.sentence.endswith((".", ")."))
        assert one.level == "ok" or one.cure or one.check == "schema"


def test_an_empty_place_is_not_touched(settings: Settings) -> None:
    store = open_store(settings)
    (one,) = found(store, settings, "schema")
    assert "no tables yet" in one.sentence
    with sqlite3.connect(settings.home / "unconfound.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


@pytest.mark.parametrize(
    ("revision", "level", "words"), [("0005", "note", "an older version"), ("9999", "problem", "a newer version")]
)
def test_another_schema_is_told_and_left(settings: Settings, revision: str, level: str, words: str) -> None:
    store = open_store(settings)
    with store.writing() as session:
        upgrade_to(session.connection(), "0005")
        session.connection().exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    (one,) = found(store, settings, "schema")
    assert (one.level, words in one.sentence) == (level, True)
    assert revision in found(store, settings, "schema")[0].sentence, "it was not migrated"


def test_a_damaged_database_is_told(settings: Settings) -> None:
    store = open_store(settings)
    store.migrate()
    add_demo(store)
    store.engine.dispose()
    path = settings.home / "unconfound.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    path.write_bytes(content)
    said = [one for one in check_store(store, settings) if one.level == "problem"]
    assert said
    assert said[0].check in ("database", "integrity")


def test_a_reference_that_leads_nowhere(store: Store, settings: Settings) -> None:
    add_demo(store)
    store.engine.dispose()
    with sqlite3.connect(settings.home / "unconfound.sqlite") as connection:  # foreign keys are off here
        connection.execute("UPDATE evaluations SET run_id = 'nobody' WHERE id = (SELECT min(id) FROM evaluations)")
    (one,) = found(store, settings, "integrity")
    assert "1 rows refer to rows that are not there" in one.sentence


def test_missing_files_are_named(store: Store, settings: Settings) -> None:
    add_demo(store)
    with store.reading() as session:
        gone = str(session.scalars(select(Evaluation.path)).first())
    store.artifacts.path(gone).unlink()
    (one,) = found(store, settings, "files")
    assert (one.level, one.things) == ("problem", (gone,))


def test_orphans_are_put_aside_and_what_may_be_used_is_left(store: Store, settings: Settings) -> None:
    add_demo(store)
    with store.writing() as session:
        done, busy, *_ = session.scalars(select(Run).order_by(Run.id)).all()
        queue.submit(session, "diagnose", {}, run_id=busy.id, max_queue=9)
    orphans = {
        "runs/000000000000": put(store, "runs/000000000000/evaluations/a.parquet"),
        "datasets/000000000000": put(store, "datasets/000000000000/examples.parquet"),
        "jobs/000000000000.log": put(store, "jobs/000000000000.log"),
        f"runs/{done.id}/diagnoses/000000000000.npz": put(store, f"runs/{done.id}/diagnoses/000000000000.npz"),
        f"runs/{done.id}/checkpoints/step-9": put(store, f"runs/{done.id}/checkpoints/step-9/model.safetensors"),
        f"runs/{done.id}/resume": put(store, f"runs/{done.id}/resume/step-9/state.json"),
    }
    half = [
        put(store, f"runs/{done.id}/checkpoints/.step-1.part/model.safetensors"),
        put(store, f"runs/{done.id}/evaluations/.a.parquet.1.2.part"),
    ]
    left = [
        put(store, f"runs/{done.id}/evaluations/000000000001.parquet", hours=0),  # its row may be on the way
        put(store, f"runs/{busy.id}/diagnoses/000000000002.npz"),
        put(store, f"runs/{busy.id}/checkpoints/.step-1.part/model.safetensors"),
        put(store, "speed.json"),
    ]
    (told,) = found(store, settings, "orphans")
    assert set(told.things) == set(orphans)
    assert all(path.exists() for path in [*orphans.values(), *half, *left]), "a look changes nothing"
    (mended,) = found(store, settings, "orphans", mend=True)
    assert "6 files and folders that no row names were put aside" in mended.sentence
    assert not any(path.exists() for path in [*orphans.values(), *half])
    assert all(path.exists() for path in left)
    (aside,) = (settings.home / "orphans").iterdir()
    for name in orphans:
        assert (aside / name).exists(), "nothing is deleted that somebody may miss"
    assert found(store, settings, "orphans")[0].level == "ok"
    assert found(store, settings, "files")[0].level == "ok"


def test_with_an_empty_database_nothing_is_put_aside(store: Store, settings: Settings) -> None:
    """The settings may name the wrong database: then everything looks as if it belonged to nobody."""
    path = put(store, "runs/000000000000/evaluations/a.parquet")
    (one,) = found(store, settings, "orphans", mend=True)
    assert "may be the wrong one" in one.cure
    assert path.exists()


def test_a_remote_root_is_compared_and_never_mended(store: Store, settings: Settings, tmp_path: Path) -> None:
    far = Store(store.url, tmp_path / "cache", Remote(f"memory://{uuid4().hex[:8]}", 2**30))
    add_demo(far)
    assert found(far, settings, "files")[0].level == "ok"
    far.artifacts.write("runs/000000000000/evaluations/a.parquet", lambda path: path.write_bytes(b"x"))
    (one,) = found(far, settings, "orphans", mend=True)
    assert one.things == ("runs/000000000000",)
    assert "runs/000000000000/evaluations/a.parquet" in list(far.artifacts.remote.keys())


def test_jobs_that_nobody_works_off(store: Store, settings: Settings) -> None:
    with store.writing() as session:
        queue.submit(session, "diagnose", {}, max_queue=9)
    (one,) = found(store, settings, "workers")
    assert (one.level, one.cure) == ("problem", "Start one: python -m core worker")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"UNCONFOUND_MAX_ROW": "5"}, "Did you mean UNCONFOUND_MAX_ROWS?"),
        ({"UNCONFOUND_RAY_ADDRESS": "http://head:8265"}, "SQLite file, which its nodes cannot reach"),
        ({"UNCONFOUND_ARTIFACTS_URL": "s3://bucket/x"}, "no other host can join"),
        ({"UNCONFOUND_RAY_AHEAD": "2"}, "has no effect without UNCONFOUND_RAY_ADDRESS"),
        ({"UNCONFOUND_HUNG_END_MINUTES": "5"}, "before it is told as hung"),
        ({"UNCONFOUND_MAX_JOB_HOURS": "1"}, "may run as long as it may hang"),
        ({"UNCONFOUND_MAX_UPLOAD_MB": "50"}, "STREAMLIT_SERVER_MAX_UPLOAD_SIZE=50"),
        ({"UNCONFOUND_API_TOKEN": "aaaaaaaaaaaaaaaaaa"}, "easily guessed"),
        ({"UNCONFOUND_LOCAL_MODELS": '["/nowhere"]'}, "/nowhere of UNCONFOUND_LOCAL_MODELS is not there"),
        ({"UNCONFOUND_MIN_FREE_MB": "999999999"}, "jobs need 999,999,999 to start"),
    ],
)
def test_settings_that_do_not_go_together(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    store = open_store(settings)
    said = " ".join(f"{one.sentence} {one.cure}" for one in check_store(store, get_settings()) if one.level != "ok")
    assert words in said
    assert "aaaaaa" not in said


def test_gpus_and_what_is_installed_for_them(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_gpus(tmp_path / "stub", monkeypatch, 2)
    monkeypatch.setenv("UNCONFOUND_RANKS", "3")
    monkeypatch.setattr(machine, "_torch_build", lambda: "2.13.0+cpu")
    get_settings.cache_clear()
    said = check_store(open_store(settings), get_settings())
    problems = [one.sentence for one in said if one.level == "problem"]
    assert any("is the build for the CPU" in one for one in problems)
    assert any("asks for 3 GPUs a job; there are 2" in one for one in problems)


@pytest.mark.parametrize(
    ("version", "level"), [("2.9.1", "problem"), ("2.10.0", "ok"), ("3.0.0+cu130", "ok"), (None, "note")]
)
def test_versions_with_known_holes(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, version: str | None, level: str
) -> None:
    import importlib.metadata

    real = importlib.metadata.version

    def fake(name: str) -> str:
        if name != "torch":
            return real(name)
        if version is None:
            raise importlib.metadata.PackageNotFoundError
        return version

    monkeypatch.setattr(importlib.metadata, "version", fake)
    assert found(store, settings, "versions")[0].level == level


def test_changed_weights_of_the_bundled_encoder(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other")
    monkeypatch.setattr(machine, "package_folder", lambda _spec: tmp_path)
    assert "not the published ones" in found(store, settings, "encoders")[0].sentence


@pytest.mark.usefixtures("store")
def test_the_command_has_an_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["healthy"] is True
    monkeypatch.setenv("UNCONFOUND_MAX_ROW", "5")
    assert main(["doctor", "--json"]) == 1
    out = capsys.readouterr().out
    assert json.loads(out)["healthy"] is False
    assert out.count("\n") == 1
    assert main(["doctor"]) == 1
    assert "!!  settings: UNCONFOUND_MAX_ROW is no setting" in capsys.readouterr().out
