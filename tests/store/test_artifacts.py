"""Files appear whole or not at all, stay inside the root, and are never pickled."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import UserError
from core.store.artifacts import Artifacts


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "root")


def test_tables_and_arrays_come_back(artifacts: Artifacts) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "text": ["é", "line\nbreak"]})
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    artifacts.write_table("t/x.parquet", frame)
    artifacts.write_arrays("t/x.npz", {"scores": matrix, "names": np.array(["a", "bb"])})
    pd.testing.assert_frame_equal(artifacts.read_table("t/x.parquet"), frame)
    found = artifacts.read_arrays("t/x.npz")
    np.testing.assert_array_equal(found["scores"], matrix)
    assert found["names"].tolist() == ["a", "bb"]


def test_a_failed_write_leaves_neither_a_file_nor_a_scratch_file(artifacts: Artifacts) -> None:
    def fill(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        artifacts.write("a/b.bin", fill)
    assert list((artifacts.root / "a").iterdir()) == []


def test_a_failed_write_keeps_what_was_there(artifacts: Artifacts) -> None:
    artifacts.write("a.bin", lambda path: path.write_bytes(b"old") and None)

    def fill(path: Path) -> None:
        path.write_bytes(b"new")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        artifacts.write("a.bin", fill)
    assert artifacts.path("a.bin").read_bytes() == b"old"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd"])
def test_no_path_leaves_the_root(artifacts: Artifacts, path: str) -> None:
    with pytest.raises(ValueError, match="outside the artifact folder"):
        artifacts.path(path)


def test_the_root_itself_cannot_be_deleted(artifacts: Artifacts) -> None:
    with pytest.raises(ValueError, match="whole artifact folder"):
        artifacts.delete(".")


def test_a_pickled_array_is_refused(artifacts: Artifacts) -> None:
    artifacts.root.mkdir(parents=True)
    np.savez(artifacts.root / "evil.npz", scores=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        artifacts.read_arrays("evil.npz")


def test_a_missing_file_is_named(artifacts: Artifacts) -> None:
    with pytest.raises(UserError, match=r"runs/x\.npz is missing"):
        artifacts.read_arrays("runs/x.npz")
