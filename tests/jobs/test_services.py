"""Where the worker is a service of its own, as in Docker, and several hosts share a store."""

import socket
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.actions.startup import open_house
from core.jobs.launch import ensure_worker
from core.jobs.locks import watch, watched
from core.settings import Settings, get_settings
from core.store import queries
from core.store.engine import Store
from tests.pages.visits import visit, words


def test_no_worker_is_started(store: Store, settings: Settings) -> None:
    alone = settings.model_copy(update={"start_worker": False, "demo": False})
    assert not ensure_worker(alone)
    with open_house(alone):
        assert not (alone.home / "worker.log").exists()
    assert queries.live_workers(store) == []


def test_a_page_says_so_and_has_no_button(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCONFOUND_START_WORKER", "false")
    get_settings.cache_clear()
    page: AppTest = visit("jobs")
    assert "the worker is a service of its own" in words(page)
    assert "start-worker" not in [one.key for one in page.button]


def test_dashboards_of_two_containers_may_have_the_same_process_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "one")
    first = watch(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "two")
    second = watch(tmp_path)
    first.release()
    assert watched(tmp_path)
    second.release()
    assert not watched(tmp_path)
