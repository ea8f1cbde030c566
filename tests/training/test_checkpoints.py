"""A folder is there whole or not at all."""

import pytest

from core.training.checkpoints import whole_folder


def test_a_folder_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "a" / "model"
    with whole_folder(target) as scratch:
        (scratch / "one").write_text("1")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["one"]
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_what_fails_leaves_the_old_folder_as_it_was(tmp_path):
    target = tmp_path / "model"
    with whole_folder(target) as scratch:
        (scratch / "old").write_text("1")
    with pytest.raises(OSError, match="full"):
        fill_and_fail(target)
    assert [path.name for path in target.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def fill_and_fail(target):
    with whole_folder(target) as scratch:
        (scratch / "new").write_text("2")
        raise OSError("disk full")


def test_a_new_folder_replaces_the_old_one_and_leftovers(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").write_text("1")
    (tmp_path / ".model.part").mkdir()
    (tmp_path / ".model.part" / "stale").write_text("1")
    with whole_folder(target) as scratch:
        (scratch / "new").write_text("2")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
