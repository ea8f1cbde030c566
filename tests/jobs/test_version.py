"""A worker makes room for new code once that stands still and can be started, and never for anything else."""

from collections.abc import Iterator

import pytest

from core.jobs import version
from core.jobs.version import Renewal, code_version


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """What the files' version is, and whether they can be started."""
    now: dict[str, object] = {"version": code_version(), "starts": True}
    monkeypatch.setattr(version, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(version, "version_on_disk", lambda: now["version"])
    monkeypatch.setattr(version, "_starts", lambda: now["starts"])
    return now


def test_unchanged_code_is_left_alone(disk: dict[str, object]) -> None:
    renewal = Renewal()
    assert not any(renewal.is_due() for _ in range(4))


def test_changed_code_is_taken_up_when_it_stands_still(disk: dict[str, object]) -> None:
    renewal = Renewal()
    disk["version"] = "half"
    assert not renewal.is_due()
    disk["version"] = "whole"
    assert not renewal.is_due()
    assert renewal.is_due()


def test_code_that_cannot_be_started_is_tried_once_and_the_next_change_again(disk: dict[str, object]) -> None:
    renewal = Renewal()
    disk.update(version="broken", starts=False)
    assert not any(renewal.is_due() for _ in range(4))
    disk.update(version="mended", starts=True)
    assert not renewal.is_due()
    assert renewal.is_due()


def test_code_that_was_changed_back_is_no_change(disk: dict[str, object]) -> None:
    renewal = Renewal()
    disk["version"] = "other"
    assert not renewal.is_due()
    disk["version"] = code_version()
    assert not any(renewal.is_due() for _ in range(3))
