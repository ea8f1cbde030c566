r"""Paths of another system: `C:\\…` as a home and as an artifact root, and rows that name files the same everywhere."""

from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from core.reports.private import encoder_name
from core.settings import Settings
from core.store.archive import is_artifact
from core.store.artifacts import Artifacts
from core.store.url import parse_url
from core.system.places import folder_of, is_place, last_part, sqlite_url
from core.views.charts import safe_filename

PARTS = st.lists(
    st.text(
        st.characters(exclude_characters='/\\\\:*?"<>|', exclude_categories=("Cc", "Cs")), min_size=1, max_size=12
    ).filter(lambda part: part.strip(". ") == part and part != ""),
    min_size=1,
    max_size=5,
)
DRIVES = st.sampled_from(["C:\\", "d:\\", "\\\\server\\share\\"])
IDS = st.text("0123456789abcdef", min_size=12, max_size=12)


@given(DRIVES, PARTS)
def test_a_windows_home_becomes_a_database_url_and_comes_back(drive: str, parts: list[str]) -> None:
    file = PureWindowsPath(drive, *parts, "unconfound.sqlite")
    url = parse_url(sqlite_url(file))
    assert PureWindowsPath(str(url.database)) == file


@given(PARTS, st.sampled_from(["", "50%", "a?b=c", "100%20", "#1"]))
def test_so_does_a_posix_one_whatever_is_in_its_name(parts: list[str], odd: str) -> None:
    file = PurePosixPath("/", *parts, odd, "unconfound.sqlite")
    url = make_url(sqlite_url(file))
    assert PurePosixPath(str(url.database)) == file
    assert dict(url.query) == {}


@given(DRIVES, PARTS)
def test_an_artifact_root_may_be_a_windows_folder(drive: str, parts: list[str]) -> None:
    folder = PureWindowsPath(drive, *parts)
    for named in (str(folder), folder.as_posix()):
        assert folder_of(named, PureWindowsPath) == folder
        assert is_place(named, PureWindowsPath)
    if not drive.startswith("\\\\"):
        assert folder_of(f"file:///{folder.as_posix()}", PureWindowsPath) == folder
    assert folder_of(str(folder), PurePosixPath) is None  # elsewhere it would be a name below the working directory
    assert not is_place(str(folder), PurePosixPath)


@pytest.mark.parametrize("kind", [PurePosixPath, PureWindowsPath])
@pytest.mark.parametrize("url", ["s3://bucket/prefix", "gs://bucket", "abfs://container/x"])
def test_a_url_is_remote_on_every_system(kind: type[PurePath], url: str) -> None:
    assert folder_of(url, kind) is None
    assert is_place(url, kind)


@pytest.mark.parametrize("kind", [PurePosixPath, PureWindowsPath])
@pytest.mark.parametrize(
    "place", ["relative", "relative/x", "file://relative", "memory://x", "C:relative", "", "s3:/x", "x:"]
)
def test_what_is_no_full_path_is_refused(kind: type[PurePath], place: str) -> None:
    assert not is_place(place, kind)


def test_the_settings_take_what_this_system_takes(tmp_path: Path) -> None:
    assert Settings(artifacts_url=str(tmp_path)).artifacts == tmp_path.resolve()
    assert Settings(artifacts_url=tmp_path.as_uri()).artifacts == tmp_path.resolve()
    assert Settings(artifacts_url=str(tmp_path)).artifacts_remote is None
    assert Settings(artifacts_url="s3://bucket/x").artifacts_remote == "s3://bucket/x"
    with pytest.raises(ValueError, match="full path"):
        Settings(artifacts_url="C:\\store")


@given(IDS, st.integers(0, 10**7))
def test_what_rows_name_lies_below_the_root_of_every_system(identifier: str, step: int) -> None:
    relative = f"runs/{identifier}/checkpoints/step-{step:08d}"
    assert is_artifact(relative)
    for root in (PureWindowsPath("C:\\store"), PurePosixPath("/store")):
        assert (root / relative).relative_to(root).as_posix() == relative


@given(
    st.sampled_from(
        ["..\\x", "runs\\a\\b", "C:/x", "runs/C:/x", "runs/a/b:c", "//server/share", "runs/a/../../x", "runs/a/ "]
    )
)
def test_a_name_that_means_another_place_elsewhere_is_no_artifact(name: str) -> None:
    assert not is_artifact(name)


def test_what_is_written_here_is_named_with_slashes(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    written = artifacts.write("runs/a/files/x.bin", lambda path: path.write_bytes(b"x"))
    assert written == "runs/a/files/x.bin"
    assert artifacts._key(artifacts.path(written)) == written


@pytest.mark.parametrize("name", ["C:\\Users\\me\\bert", "/home/me/bert", "\\\\server\\share\\me\\bert"])
def test_a_local_encoder_of_any_system_is_named_without_its_folder(name: str) -> None:
    assert last_part(name) == "bert"
    assert encoder_name(name) == "bert (a local folder)"
    assert encoder_name("google-bert/bert-base-uncased") == "google-bert/bert-base-uncased"


@pytest.mark.parametrize("name", ["CON", "nul", "com1", "aux.csv", "Lpt9"])
def test_no_file_has_the_name_of_a_windows_device(name: str) -> None:
    assert safe_filename(name) == f"_{name}"
    assert safe_filename(f"my-{name}") == f"my-{name}"
