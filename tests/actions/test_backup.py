"""A backup brings back what was there, into either database, or is refused in a sentence with nothing changed."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from core.actions.backup import make_backup
from core.actions.datasets import add_sample
from core.actions.demo import add_demo
from core.actions.restore import contents, restore_backup
from core.errors import UserError
from core.jobs import queue
from core.jobs.locks import supervisor_lock
from core.settings import Settings
from core.store import queries
from core.store.archive import BackupError, reading
from core.store.dump import load_rows, tables_of, write_rows
from core.store.engine import Store, open_store
from core.store.migrate import upgrade_to
from core.store.remote import Remote
from core.store.tables import Checkpoint, Job, Metric, Run, Worker
from tests import postgres


def quiet(_share: float, _what: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[postgres.Server | None], Settings]:
    """The store that is copied for each test, on SQLite or on a server: made when the first test wants it."""

    @cache
    def make(server: postgres.Server | None) -> Settings:
        there = Settings(home=tmp_path_factory.mktemp("lived-in"), database_url=server.fresh() if server else None)
        store = open_store(there)
        store.migrate()
        _live_in(store, there)
        store.engine.dispose()
        return there

    return make


@pytest.fixture
def filled(
    request: pytest.FixtureRequest,
    settings: Settings,
    store: Store,
    made: Callable[[postgres.Server | None], Settings],
) -> Store:
    """The demo, a data set, and a run whose training is under way, with a checkpoint, a state and a log."""
    server: postgres.Server | None = None
    if settings.database_url is not None:
        server = request.getfixturevalue("server")
    found = made(server)
    store.engine.dispose()
    if server is not None:
        server.replace(str(settings.database_url), str(found.database_url))
    shutil.copytree(found.home, settings.home, dirs_exist_ok=True)
    return store


def _live_in(store: Store, settings: Settings) -> None:
    add_demo(store)
    dataset = add_sample(store, settings, "textlen")
    run = Run(name="mine – ü", dataset_id=dataset.id, method="finetune", encoder="tiny", seed=2**32 - 1)
    run.config, run.data_sha256, run.status = {}, "0" * 64, "running"
    with store.writing() as session:
        session.add(run)
        session.flush()
        parent = Run(name="child", dataset_id=dataset.id, method="finetune", encoder="tiny", seed=1, parent_id=run.id)
        parent.config, parent.data_sha256, parent.parent_step = {}, "0" * 64, 1
        path = f"runs/{run.id}/checkpoints/step-00000001"
        session.add_all([parent, Checkpoint(run_id=run.id, step=1, epoch=0.1, path=path, bytes=3 * 2**32)])
        session.add(Metric(run_id=run.id, name="train_loss", step=1, value=0.1 + 0.2))
        worker = Worker(host="elsewhere", pid=1, device="cpu", code_version="x")
        session.add(worker)
        first = queue.submit(session, "train", {}, run_id=run.id, max_queue=9)
        waiting = queue.submit(session, "diagnose", {"checkpoint": "final"}, run_id=run.id, after=first, max_queue=9)
    assert queue.claim(store, worker.id, "cpu").id == first.id
    for relative, content in {
        f"{path}/model.safetensors": b"weights",
        f"{path}/config.json": b"{}",
        **state(run.id, "step-00000001-00000000-1", b"tensors"),
        f"runs/{run.id}/resume/.step-00000002-00000000-0.part/tensors.safetensors": b"half",
        f"jobs/{first.id}.log": b"said\n",
        f"runs/{run.id}/texts/{first.id}.npz": b"scores",
    }.items():
        target = store.artifacts.path(relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    with store.writing() as session:
        session.get_one(Job, waiting.id).result = {
            "tried": {"influence": {"path": f"runs/{run.id}/texts/{first.id}.npz"}}
        }
        session.get_one(Worker, worker.id).stopped_at = worker.started_at


def state(run_id: str, name: str, tensors: bytes) -> dict[str, bytes]:
    """A state as the trainer writes it."""
    above = f"runs/{run_id}/resume/{name}"
    about = json.dumps({"tensors_sha256": hashlib.sha256(tensors).hexdigest()}).encode()
    return {f"{above}/state.json": about, f"{above}/tensors.safetensors": tensors}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of another, empty store on SQLite."""
    monkeypatch.delenv("UNCONFOUND_DATABASE_URL", raising=False)
    (tmp_path / "elsewhere").mkdir()
    return Settings(home=tmp_path / "elsewhere")


def rows(store: Store) -> dict[str, list[Any]]:
    with store.reading() as session:
        tables = tables_of(session.connection())
        found = {}
        for table in tables:
            lines = io.BytesIO()
            write_rows(session.connection(), table, lines, lambda row: row)
            found[table.name] = [json.loads(line) for line in lines.getvalue().splitlines()]
    return found


def files(store: Store) -> dict[str, bytes]:
    there = store.artifacts.root
    return {one.relative_to(there).as_posix(): one.read_bytes() for one in there.rglob("*") if one.is_file()}


@pytest.mark.both_databases
@pytest.mark.parametrize("name", ["b.tar", "folder"])
def test_everything_comes_back_whichever_database_it_was_in(
    filled: Store, elsewhere: Settings, tmp_path: Path, name: str
) -> None:
    manifest = make_backup(filled, tmp_path / name, tell=quiet)
    assert manifest.missing == []
    there = open_store(elsewhere)
    restored = restore_backup(there, elsewhere, tmp_path / name, tell=quiet)
    assert (restored.requeued, restored.removed) == (1, {})
    before, after = rows(filled), rows(there)
    (old,) = [one for one in before["jobs"] if one["kind"] == "train"]
    (new,) = [one for one in after["jobs"] if one["kind"] == "train"]
    assert new["status"] == "queued"
    assert new["attempts"] == 0, "being backed up is no attempt"
    assert new["lease_token"] is new["lease_expires_at"] is new["pid"] is None
    assert "running when the backup was made" in new["message"]
    assert queries.get_run(there, "mine – ü").status == "queued"
    for one in (before, after):
        one["jobs"] = [job for job in one["jobs"] if job["id"] != old["id"]]
        one["runs"] = [{**run, "status": None, "started_at": None} for run in one["runs"]]
    assert after == before
    assert files(there) == {name: content for name, content in files(filled).items() if "/." not in name}
    assert queries.get_run(there, "child").parent_id == queries.get_run(there, "mine – ü").id
    job = queue.claim(there, "worker", "cpu")
    assert job is not None
    assert job.id == new["id"], "it goes on first"


@pytest.mark.both_databases
def test_it_comes_back_into_postgresql_too_and_numbers_go_on(
    filled: Store, elsewhere: Settings, settings: Settings, tmp_path: Path
) -> None:
    """From SQLite or PostgreSQL to SQLite and back into the database it came from, over what is there."""
    there = open_store(elsewhere)
    make_backup(filled, tmp_path / "one.tar", tell=quiet)
    restore_backup(there, elsewhere, tmp_path / "one.tar", tell=quiet)
    make_backup(there, tmp_path / "two.tar", tell=quiet)
    restored = restore_backup(filled, settings, tmp_path / "two.tar", force=True, tell=quiet)
    assert restored.removed == {"runs": 2, "jobs": 2}
    assert rows(filled) == rows(there)
    with filled.writing() as session:  # the number that the database gives is free
        session.add(Metric(run_id=queries.get_run(filled, "child").id, name="train_loss", step=1, value=1.0))


def test_without_checkpoints_what_was_measured_stays(filled: Store, elsewhere: Settings, tmp_path: Path) -> None:
    make_backup(filled, tmp_path / "b.tar", checkpoints=False, tell=quiet)
    there = open_store(elsewhere)
    restore_backup(there, elsewhere, tmp_path / "b.tar", tell=quiet)
    assert not [name for name in files(there) if "checkpoints" in name or "resume" in name]
    (one,) = queries.checkpoints(there, queries.get_run(there, "mine – ü").id)
    assert (one.path, one.bytes) == (None, 0)


def test_a_file_that_vanished_is_told(filled: Store, elsewhere: Settings, tmp_path: Path) -> None:
    gone = queries.list_datasets(filled)[0].path
    filled.artifacts.path(gone).unlink()
    assert make_backup(filled, tmp_path / "b.tar", tell=quiet).missing == [gone]
    assert restore_backup(open_store(elsewhere), elsewhere, tmp_path / "b.tar", tell=quiet).manifest.missing == [gone]


def test_a_state_that_is_replaced_while_it_is_read_is_taken_whole(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.actions import backup

    run = queries.get_run(filled, "mine – ü")
    opened, looks = backup._open_all, []

    def replaced(folder: Path) -> dict[str, Any]:
        found = opened(folder)
        if folder.parent.name == "resume" and not looks:
            looks.append(folder)
            found.pop("state.json").close()  # as if it had just gone
            for relative, content in state(run.id, "step-00000002-00000000-0", b"later").items():
                target = filled.artifacts.path(relative)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(content)
        return found

    monkeypatch.setattr(backup, "_open_all", replaced)
    make_backup(filled, tmp_path / "b.tar", tell=quiet)
    with reading(tmp_path / "b.tar") as archive:
        assert {name.split("/")[4] for name in archive.names("states")} == {"step-00000002-00000000-0"}


def test_a_state_that_lay_there_before_does_not_outlive_the_rows(
    filled: Store, settings: Settings, tmp_path: Path
) -> None:
    """A run would go on from it beyond what its rows know."""
    make_backup(filled, tmp_path / "b.tar", checkpoints=False, tell=quiet)
    restore_backup(filled, settings, tmp_path / "b.tar", force=True, tell=quiet)
    assert not filled.artifacts.path(f"runs/{queries.get_run(filled, 'mine – ü').id}/resume").exists()


def test_a_remote_root(filled: Store, elsewhere: Settings, tmp_path: Path) -> None:
    url = f"memory://{uuid4().hex[:8]}"
    make_backup(filled, tmp_path / "one.tar", tell=quiet)
    far = Store(elsewhere.url, tmp_path / "cache", Remote(url, 2**30))
    restore_backup(far, elsewhere, tmp_path / "one.tar", tell=quiet)
    other = Store(elsewhere.url, tmp_path / "cache of another host", Remote(url, 2**30))
    make_backup(other, tmp_path / "two.tar", tell=quiet)
    with reading(tmp_path / "one.tar") as one, reading(tmp_path / "two.tar") as two:
        assert two.manifest.missing == []
        same = {name: entry for name, entry in one.manifest.files.items() if not name.startswith("tables/")}
        assert {name: entry for name, entry in two.manifest.files.items() if not name.startswith("tables/")} == same


# --- refusals ---


def refused(store: Store, settings: Settings, place: Path, **options: Any) -> str:
    before = files(store)
    with pytest.raises(UserError) as caught:
        restore_backup(store, settings, place, tell=quiet, **options)
    assert contents(store) == {}
    assert files(store) == before
    return str(caught.value)


def rewritten(
    source: Path, target: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]
) -> Path:
    """A tar file whose members went through `change`."""
    with tarfile.open(source) as old, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as new:
        for member in old:
            changed = change(member, old.extractfile(member).read())
            if changed is not None:
                info, content = changed
                info.size = len(content)
                new.addfile(info, io.BytesIO(content))
    return target


@pytest.fixture
def backup(filled: Store, tmp_path: Path) -> Path:
    make_backup(filled, tmp_path / "b.tar", tell=quiet)
    return tmp_path / "b.tar"


def test_a_store_with_something_in_it_is_not_mixed(filled: Store, settings: Settings, backup: Path) -> None:
    with pytest.raises(UserError, match=r"is not empty \(2 in runs, 2 in jobs\).*--force"):
        restore_backup(filled, settings, backup, tell=quiet)


def test_the_demo_alone_counts_as_empty(backup: Path, elsewhere: Settings) -> None:
    there = open_store(elsewhere)
    there.migrate()
    add_demo(there)
    restore_backup(there, elsewhere, backup, tell=quiet)
    assert contents(there) == {"runs": 2, "jobs": 2}


def test_a_store_in_use_is_left_alone(backup: Path, elsewhere: Settings) -> None:
    lock = supervisor_lock(elsewhere.home)
    with lock.acquire():
        assert "a worker looks after it" in refused(open_store(elsewhere), elsewhere, backup)


def test_cut_off_at_any_place(backup: Path, elsewhere: Settings, tmp_path: Path) -> None:
    content = backup.read_bytes()
    with tarfile.open(backup) as tar:
        last = tar.getmember("manifest.json").offset_data
    for at in (0, 100, 512, last // 3, last // 2 // 512 * 512, last - 512, last, last + 600):
        (tmp_path / "cut.tar").write_bytes(content[:at])
        said = refused(open_store(elsewhere), elsewhere, tmp_path / "cut.tar")
        assert "cut off" in said or "is no backup" in said or "is damaged" in said


def test_a_flipped_bit_in_any_file(backup: Path, elsewhere: Settings, tmp_path: Path) -> None:
    with tarfile.open(backup) as tar:
        names = [name for name in tar.getnames() if name != "manifest.json"]
    for wanted in (names[0], next(one for one in names if one.startswith("tables/")), names[-1]):

        def flip(member: tarfile.TarInfo, content: bytes, wanted: str = wanted) -> tuple[tarfile.TarInfo, bytes]:
            return member, bytes([content[0] ^ 1]) + content[1:] if member.name == wanted else content

        place = rewritten(backup, tmp_path / "flipped.tar", flip)
        assert f"{wanted} is not what was saved" in refused(open_store(elsewhere), elsewhere, place)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../outside",
        "files/../../outside",
        "files/runs/../../../outside",
        "files/runs/a/..",
        "files/runs//a",
        "files/runs/a/.hidden",
        "files/runs/a/b\\..\\..\\c",
        "files/C:/windows",
        "files/jobs/../x.log",
        "files/datasets/a",
        "tables/../x.jsonl",
        "anything",
        "files/runs/a/x\n",
    ],
)
def test_no_name_leads_out(backup: Path, elsewhere: Settings, tmp_path: Path, name: str) -> None:
    with tarfile.open(backup, "a") as tar:
        info = tarfile.TarInfo(name)
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    assert "is refused" in refused(open_store(elsewhere), elsewhere, backup)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_and_devices(backup: Path, elsewhere: Settings, kind: bytes) -> None:
    with tarfile.open(backup, "a") as tar:
        info = tarfile.TarInfo("files/runs/a/model.safetensors")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    assert "is a link or no file" in refused(open_store(elsewhere), elsewhere, backup)


def test_a_link_in_a_folder(filled: Store, elsewhere: Settings, tmp_path: Path) -> None:
    make_backup(filled, tmp_path / "folder", tell=quiet)
    (tmp_path / "folder" / "files" / "runs" / "link").symlink_to("/etc")
    assert "is refused" in refused(open_store(elsewhere), elsewhere, tmp_path / "folder")


def test_a_file_twice_or_one_that_the_manifest_does_not_know(backup: Path, elsewhere: Settings) -> None:
    with tarfile.open(backup, "a") as tar:
        tar.addfile(tarfile.TarInfo("files/runs/a/more.bin"))
    assert "is not as its manifest says" in refused(open_store(elsewhere), elsewhere, backup)
    with tarfile.open(backup, "a") as tar:
        tar.addfile(tarfile.TarInfo("files/runs/a/more.bin"))
    assert "is there twice" in refused(open_store(elsewhere), elsewhere, backup)


def forged(source: Path, target: Path, table: str, change: Callable[[dict[str, Any]], Any], **about: Any) -> Path:
    """A backup whose rows and manifest fit together although they were changed."""
    made: dict[str, bytes] = {}

    def collect(member: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if member.name == f"tables/{table}.jsonl":
            lines = [json.dumps(change(json.loads(line))) for line in content.splitlines()]
            content = "".join(line + "\n" for line in lines).encode()
            made[member.name] = content
        if member.name == "manifest.json":
            manifest = {**json.loads(content), **about}
            for name, new in made.items():
                manifest["files"][name] = {"bytes": len(new), "sha256": hashlib.sha256(new).hexdigest()}
            content = json.dumps(manifest).encode()
        return member, content

    return rewritten(source, target, collect)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("checkpoints", lambda row: {**row, "path": "../../etc"}, "is no artifact"),
        ("datasets", lambda row: {**row, "path": "/etc/passwd"}, "is no artifact"),
        ("jobs", lambda row: {**row, "payload": {"path": "runs/../../x"}}, "is no artifact"),
        ("runs", lambda row: {**row, "dataset_id": "nowhere"}, "do not fit together"),
        ("runs", lambda row: {**row, "name": "same"}, "do not fit together"),
        ("runs", lambda row: {**row, "created_at": "yesterday"}, "is no time"),
        ("runs", lambda row: {**row, "more": 1}, "other columns"),
        ("runs", lambda row: [row], "is no row"),
    ],
)
def test_rows_that_were_tampered_with(
    settings: Settings,
    filled: Store,
    elsewhere: Settings,
    tmp_path: Path,
    backup: Path,
    table: str,
    change: Any,
    said: str,
) -> None:
    place = forged(backup, tmp_path / "forged.tar", table, change)
    before = rows(filled)
    with pytest.raises(UserError, match=said):
        restore_backup(filled, settings, place, force=True, tell=quiet)
    assert rows(filled) == before, "the old rows stay, all of them"


def test_from_the_future(backup: Path, elsewhere: Settings, tmp_path: Path) -> None:
    for about in ({"format": 2}, {"schema_revision": "9999"}):
        place = forged(backup, tmp_path / "future.tar", "nothing", lambda row: row, **about)
        assert "made by a newer version of Unconfound" in refused(open_store(elsewhere), elsewhere, place)


def test_from_the_past(store: Store, settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    """A database that was never migrated can be saved, and is migrated where it comes back."""
    old = Store(f"sqlite:///{tmp_path / 'old.sqlite'}", tmp_path / "old")
    with old.writing() as session:
        upgrade_to(session.connection(), "0005")
        (table,) = [one for one in tables_of(session.connection()) if one.name == "datasets"]
        assert "deleted_at" not in {
            column.name for one in tables_of(session.connection()) if one.name == "runs" for column in one.columns
        }
        row = {"labels": ["a", "b"], "confounds": ["a", "b"], "mapping": {}, "profile": {}, "sources": {}}
        row |= {
            "id": "d1",
            "name": "old",
            "created_at": "2026-01-02T03:04:05+00:00",
            "path": "datasets/d1/examples.parquet",
        }
        row |= {"sha256": "0" * 64, "control_of": None, "sample": None}
        load_rows(session.connection(), table, [row])
    manifest = make_backup(old, tmp_path / "b.tar", tell=quiet)
    assert manifest.schema_revision == "0005"
    there = open_store(elsewhere)
    restore_backup(there, elsewhere, tmp_path / "b.tar", tell=quiet)
    there.migrate()
    assert queries.get_dataset(there, "old").labels == ["a", "b"]
    assert queries.list_runs(there) == []


def test_nothing_is_written_over(filled: Store, backup: Path) -> None:
    with pytest.raises(BackupError, match="already something"):
        make_backup(filled, backup, tell=quiet)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("name", ["b.tar", "folder"])
def test_a_full_disk_leaves_nothing(filled: Store, small_disk: Path, name: str) -> None:
    (filled.artifacts.path(queries.list_datasets(filled)[0].path)).write_bytes(os.urandom(5 * 2**20))
    with pytest.raises(BackupError, match=r"could not be written \(No space left on device\). Free some space"):
        make_backup(filled, small_disk / name, tell=quiet)
    assert list(small_disk.iterdir()) == []


def test_too_little_room_is_told_before_anything_is_unpacked(backup: Path, small_disk: Path) -> None:
    settings = Settings(home=small_disk / "home")
    (small_disk / "home").mkdir()
    (small_disk / "filler").write_bytes(bytes(7 * 2**19))
    with pytest.raises(BackupError, match=r"unfolds to \d+ MiB, and 0 MiB are free"):
        restore_backup(Store(settings.url, settings.artifacts), settings, backup, tell=quiet)
