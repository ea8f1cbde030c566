"""`run delete|restore|rename|note|list` and `status` do what Overview does."""

import json

import pytest

from core.__main__ import main
from core.store import queries
from core.store.engine import Store
from tests.pages import synthetic
from tests.pages.visits import job, keep


@pytest.fixture(autouse=True)
def two(store: Store) -> None:
    """Two runs and nothing that works."""
    dataset = keep(store, n_train=60, n_dev=20)
    synthetic.add_run(store, dataset, "first", steps=(10,))
    synthetic.add_run(store, dataset, "second", method="adversarial", steps=(10,))


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def names(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    return [run["name"] for run in ask(capsys, "run", "list", *options)["runs"]]


def test_a_run_is_deleted_listed_brought_back_and_removed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    deleted = ask(capsys, "run", "delete", "first")
    assert (deleted["deleted"], deleted["removed"]) == (True, False)
    assert names(capsys) == ["second"]
    assert [one["run"] for one in ask(capsys, "run", "list", "--deleted")["deleted"]] == ["first"]
    assert ask(capsys, "run", "restore", "first")["run"] == "first"
    ask(capsys, "run", "delete", "first")
    assert ask(capsys, "run", "delete", "first", "--now")["removed"] is True
    assert main(["run", "restore", "first"]) == 2
    assert "removed for good" in capsys.readouterr().err


def test_a_run_at_work_is_deleted_only_when_told_to_cancel(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    job(store, queries.get_run(store, "first"), status="queued")
    assert main(["run", "delete", "first"]) == 2
    assert "--cancel" in capsys.readouterr().err
    ask(capsys, "run", "delete", "first", "--cancel")
    assert names(capsys) == ["second"]


def test_a_run_is_renamed_noted_and_found_by_its_note(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(capsys, "run", "rename", "first", "better")["was"] == "first"
    ask(capsys, "run", "note", "better", "The **Warm-up** was too short.")
    assert names(capsys, "--find", "warm-UP short") == ["better"]
    assert names(capsys, "--find", "Adversarial training") == ["second"]
    assert ask(capsys, "run", "show", "better")["note"] == "The **Warm-up** was too short."
    assert ask(capsys, "run", "note", "better", "")["note"] == ""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--sort", "name"), ["first", "second"]),
        (("--sort", "newest"), ["second", "first"]),
        (("--method", "finetune"), ["first"]),
        (("--dataset", "headlines", "--sort", "oldest"), ["first", "second"]),
        (("--status", "failed"), []),
        (("--find", "nothing like it"), []),
    ],
)
def test_the_list_is_narrowed_and_sorted(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], expected: list[str]
) -> None:
    assert names(capsys, *options) == expected


def test_status_tells_what_needs_attention_and_how_to_put_it_away(capsys: pytest.CaptureFixture[str]) -> None:
    told = ask(capsys, "status")
    assert told["counts"]["runs"] == 2
    notice = told["attention"][0]
    assert notice["text"].startswith("2 runs have finished")
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert "→ python -m core diagnose second" in said
    assert f"--dismiss {notice['key']}" in said
    assert ask(capsys, "status", "--dismiss", notice["key"])["attention"] == []
    assert ask(capsys, "status")["put_away"] == 1
    assert len(ask(capsys, "status", "--all")["attention"]) == 1


def test_a_pause_keeps_who_and_why(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    ask(capsys, "jobs", "pause", "--why", "maintenance")
    notice = ask(capsys, "status")["attention"][0]
    assert "by the command line" in notice["text"]
    assert notice["detail"] == "maintenance"
