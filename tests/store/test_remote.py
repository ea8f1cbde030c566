"""A remote root holds everything before it is named; what lies here is a cache that may go at any time."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from core.errors import UserError
from core.settings import PROJECT, Settings
from core.store import cache
from core.store.artifacts import Artifacts
from core.store.remote import ArtifactTroubleError, Remote

GIBI = 2**30


@pytest.fixture
def url() -> Iterator[str]:
    """A fresh root in the memory of this process."""
    url = f"memory://{uuid4().hex[:8]}"
    yield url
    fs, path = fsspec.core.url_to_fs(url)
    if fs.exists(path):
        fs.rm(path, recursive=True)


def host(tmp_path: Path, name: str, url: str, keep_bytes: int = GIBI) -> Artifacts:
    return Artifacts(tmp_path / name, Remote(url, keep_bytes))


def everything(url: str) -> list[str]:
    fs, path = fsspec.core.url_to_fs(url)
    return sorted(one.removeprefix(path + "/") for one in fs.find(path))


def fill(folder: Path, **files: bytes) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_what_one_host_writes_another_reads(tmp_path: Path, url: str) -> None:
    one, two = host(tmp_path, "one", url), host(tmp_path, "two", url)
    frame = pd.DataFrame({"id": ["a", "b"], "text": ["é", "line\nbreak"]})
    one.write_table("runs/r/t.parquet", frame)
    one.write_arrays("runs/r/x.npz", {"scores": np.eye(3)})
    pd.testing.assert_frame_equal(two.read_table("runs/r/t.parquet"), frame)
    np.testing.assert_array_equal(two.read_arrays("runs/r/x.npz")["scores"], np.eye(3))
    with pytest.raises(UserError, match=r"runs/none\.npz is missing"):
        two.read_arrays("runs/none.npz")


def test_what_is_here_is_read_without_the_root(tmp_path: Path, url: str) -> None:
    one = host(tmp_path, "one", url)
    one.write_arrays("runs/r/x.npz", {"scores": np.eye(3)})
    fsspec.filesystem("memory").rm(url.removeprefix("memory:/"), recursive=True)
    assert one.read_arrays("runs/r/x.npz")["scores"].shape == (3, 3)


def test_what_could_not_be_sent_is_not_in_place(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = host(tmp_path, "one", url)

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionResetError("the line is cut")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.put_file", refuse)
    with pytest.raises(ArtifactTroubleError, match="the line is cut"):
        one.write_arrays("runs/r/x.npz", {"scores": np.eye(3)})
    assert [path for path in one.root.rglob("*") if path.is_file()] == []


def test_a_folder_is_replaced_whole_and_old_versions_go(tmp_path: Path, url: str) -> None:
    one, two = host(tmp_path, "one", url), host(tmp_path, "two", url)
    fill(one.path("runs/r/resume"), **{"step-1/a": b"1", "step-1/b": b"2", ".hidden": b"x"})
    one.push_folder("runs/r/resume")
    there = two.fetch_folder("runs/r/resume")
    assert (there / "step-1" / "a").read_bytes() == b"1"
    assert not (there / ".hidden").exists()

    shutil.rmtree(one.path("runs/r/resume") / "step-1")
    fill(one.path("runs/r/resume"), **{"step-2/a": b"3"})
    one.push_folder("runs/r/resume")
    one.push_folder("runs/r/resume")  # the same again costs nothing and breaks nothing
    there = two.fetch_folder("runs/r/resume")
    assert (there / "step-2" / "a").read_bytes() == b"3"
    assert not (there / "step-1").exists()
    assert len(everything(url)) == 2  # the file and the manifest


def test_a_half_sent_folder_is_not_seen(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = host(tmp_path, "one", url), host(tmp_path, "two", url)
    fill(one.path("runs/r/resume"), **{"step-1/a": b"1"})
    one.push_folder("runs/r/resume")
    fill(one.path("runs/r/resume"), **{"step-1/a": b"2", "step-1/b": b"3"})
    with monkeypatch.context() as patch:
        patch.setattr(Remote, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            one.push_folder("runs/r/resume")
    there = two.fetch_folder("runs/r/resume")
    assert (there / "step-1" / "a").read_bytes() == b"1"
    assert not (there / "step-1" / "b").exists()


def test_an_incomplete_folder_leaves_what_is_here(tmp_path: Path, url: str) -> None:
    one, two = host(tmp_path, "one", url), host(tmp_path, "two", url)
    fill(one.path("runs/r/resume"), **{"step-1/a": b"1"})
    one.push_folder("runs/r/resume")
    [name] = [one for one in everything(url) if one.endswith("/a")]
    fsspec.filesystem("memory").rm(f"{url.removeprefix('memory:/')}/{name}")
    assert not two.fetch_folder("runs/r/resume").exists()
    fill(two.path("runs/r/resume"), **{"step-0/a": b"0"})
    assert (two.fetch_folder("runs/r/resume") / "step-0" / "a").read_bytes() == b"0"


def test_a_folder_that_arrives_damaged_is_not_taken(tmp_path: Path, url: str) -> None:
    one, two = host(tmp_path, "one", url), host(tmp_path, "two", url)
    fill(one.path("runs/r/resume"), **{"step-1/a": b"1"})
    one.push_folder("runs/r/resume")
    [name] = [one for one in everything(url) if one.endswith("/a")]
    fsspec.filesystem("memory").pipe_file(f"{url.removeprefix('memory:/')}/{name}", b"9")
    with pytest.raises(ArtifactTroubleError, match="came damaged"):
        two.fetch_folder("runs/r/resume")
    assert not two.path("runs/r/resume").exists()


def test_no_path_leaves_the_root(tmp_path: Path, url: str) -> None:
    one = host(tmp_path, "one", url)
    for call in (one.fetch, one.fetch_folder, one.push_folder, one.delete, lambda path: one.write(path, print)):
        with pytest.raises(ValueError, match="outside the artifact folder"):
            call("../x")


def test_deleting_removes_what_lies_at_the_root_and_nothing_else(tmp_path: Path, url: str) -> None:
    one = host(tmp_path, "one", url)
    for run in ("r", "rr"):
        one.write_arrays(f"runs/{run}/x.npz", {"scores": np.eye(3)})
    host(tmp_path, "two", url).delete("runs/r")
    assert everything(url) == ["runs/rr/x.npz"]
    one.delete("runs/never-there")


def test_the_cache_lets_go_of_what_was_unused_longest_and_is_at_the_root(tmp_path: Path, url: str) -> None:
    one = host(tmp_path, "one", url)
    for number, name in enumerate(("old", "older", "new")):
        one.write(f"runs/{name}/files/x", lambda path: path.write_bytes(bytes(1000)))
        fill(one.path(f"runs/{name}/checkpoints/step-1"), model=bytes(1000))
        one.push_folder(f"runs/{name}/checkpoints/step-1")
        age(one.root / "runs" / name, (5, 9, 0)[number])
    fill(one.path("runs/older/checkpoints/step-2"), model=bytes(1000))  # not sent
    fill(one.path("runs/older/resume"), **{"step-1/a": bytes(1000)})
    one.push_folder("runs/older/resume")
    fill(one.path("runs/older/resume"), **{"step-2/a": bytes(1000)})  # changed since it was sent
    fill(one.root / "jobs", **{"j.log": b"printed"})
    age(one.root / "runs" / "older", 9)

    cache.trim(one.root, 7000)
    assert not one.path("runs/older/files/x").exists()
    assert not one.path("runs/older/checkpoints/step-1").exists()
    assert one.path("runs/old/files/x").exists()
    cache.trim(one.root, 0)
    left = sorted(path.relative_to(one.root).as_posix() for path in one.root.rglob("[!.]*") if path.is_file())
    assert left == [
        "jobs/j.log",
        "runs/new/checkpoints/step-1/model",
        "runs/new/files/x",
        "runs/older/checkpoints/step-2/model",
        "runs/older/resume/step-1/a",
        "runs/older/resume/step-2/a",
    ]
    assert one.fetch("runs/old/files/x").stat().st_size == 1000
    assert (one.fetch_folder("runs/old/checkpoints/step-1") / "model").stat().st_size == 1000


def age(folder: Path, hours: float) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 3600 * hours,) * 2)


@pytest.mark.parametrize("form", ["{}", "file://{}", "local://{}"])
def test_a_local_root_is_used_in_place(tmp_path: Path, form: str) -> None:
    settings = Settings(home=tmp_path / "home", artifacts_url=form.format(tmp_path / "nfs"))
    assert settings.artifacts == tmp_path / "nfs"
    assert settings.artifacts_remote is None
    assert Settings(home=tmp_path / "home").artifacts == tmp_path / "home" / "artifacts"


def test_each_remote_root_has_a_cache_of_its_own(tmp_path: Path) -> None:
    found = {Settings(home=tmp_path, artifacts_url=f"s3://bucket/{name}").artifacts for name in "ab"}
    assert len(found) == 2
    assert {path.parent for path in found} == {tmp_path / "cache"}


@pytest.mark.parametrize(
    "url", ["", "s3:/bucket", "s3://", "artifacts", "file://relative", "bucket/prefix", "memory://x"]
)
def test_a_root_that_is_no_place_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValidationError, match="a full path, or a URL such as"):
        Settings(home=tmp_path, artifacts_url=url)


def test_a_kind_that_is_not_known_is_said() -> None:
    with pytest.raises(UserError, match="of no kind that fsspec knows"):
        Remote("nonsense://x/y", GIBI)


def test_a_package_that_is_not_installed_is_named() -> None:
    """In a process of its own: once loaded, it stays so."""
    program = """
import sys
sys.modules["s3fs"] = None
from core.store.remote import Remote
try:
    Remote("s3://bucket/prefix", 1)
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("UserError The artifact root s3://bucket/prefix needs a package that is not installed")
    assert "pip install -r requirements-s3.txt" in said


def test_no_secret_is_in_a_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecret")
    remote = Remote("memory://root", GIBI)
    assert Remote("memory://me:hidden@host/root", GIBI).place == "memory://***@host/root"

    def refuse(*_: object) -> None:
        raise PermissionError("https://x/?X-Amz-Credential=AKIA1&X-Amz-Signature=abcd with verysecret refused")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", refuse)
    with pytest.raises(ArtifactTroubleError) as caught:
        remote.read("a")
    for secret in ("verysecret", "AKIA1", "abcd"):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_mistake_of_ours_is_no_trouble_of_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "fsspec.implementations.memory.MemoryFileSystem.cat_file", lambda *_: (_ for _ in ()).throw(TypeError("ours"))
    )
    with pytest.raises(TypeError, match="ours"):
        Remote("memory://root", GIBI).read("a")
