"""The queue from the command line: pause, resume, what hangs."""

import json
from datetime import timedelta

import pytest

from core.__main__ import main
from core.jobs import queue
from core.store.engine import Store
from core.store.tables import Job, now


def test_a_pause_is_told_with_the_list_and_ends_with_resume(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("core.commands.jobs.ensure_worker", lambda settings: False)
    assert main(["jobs", "pause"]) == 0
    assert main(["jobs", "list"]) == 0
    assert "The queue is paused since" in capsys.readouterr().out
    assert main(["jobs", "resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"paused": False}
    assert main(["jobs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"jobs": [], "paused_since": None, "hung": {}}


def test_a_job_without_progress_is_told_as_hung(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with store.writing() as session:
        job = queue.submit(session, "diagnose", {}, max_queue=9)
    queue.claim(store, "w", "cpu")
    with store.writing() as session:
        session.get_one(Job, job.id).progress_at = now() - timedelta(minutes=45)
    assert main(["jobs", "list"]) == 0
    assert "hung? no progress for 45 min (starting)" in capsys.readouterr().out
