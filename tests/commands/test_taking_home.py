"""`report` and `export` on the command line."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.reports.run_report import run_report
from core.store import queries
from core.store.engine import Store
from tests.pages import synthetic
from tests.reports.test_model_export import trained


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the commands are given in."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def ask(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def test_a_report_is_written_where_it_is_asked_for(
    store: Store, capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    filled = synthetic.fill(store)
    told = ask(capsys, "report", filled.run.name)
    file = elsewhere / "headlines-finetune-2021-report.html"
    assert told == {"run": filled.run.name, "report": file.name, "bytes": file.stat().st_size}
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    ask(capsys, "report", filled.run.id, "--output", elsewhere / "new" / "private.html", "--without-texts")
    private, _, _scripts = (elsewhere / "new" / "private.html").read_text(encoding="utf-8").partition("<noscript>")
    assert "texts of examples were left out" in private
    assert not [text for text in queries.examples(store, filled.dataset)["text"] if text in private]
    told = ask(capsys, "report", "--compare", filled.run.name, filled.undiagnosed.name, "--split", "train")
    assert told["compared"] == [filled.run.name, filled.undiagnosed.name]
    assert "report of a comparison" in (elsewhere / "comparison-report.html").read_text(encoding="utf-8")
    assert main(["report", filled.run.name]) == 0
    assert capsys.readouterr().out == "report: headlines-finetune-2021-report.html (5 MB)\n"


def test_a_model_is_written_as_a_folder_or_a_zip_file(
    store: Store, capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    trained(store, synthetic.add_dataset(store, "headlines", n_train=60, n_dev=40), "mine")
    assert ask(capsys, "export", "mine", "--output", "model") == {"run": "mine", "checkpoint": 240, "model": "model"}
    assert (elsewhere / "model" / "model.safetensors").is_file()
    assert main(["export", "mine", "--checkpoint", "240", "--output", "model.zip"]) == 0
    assert capsys.readouterr().out == "model of mine at step 240: model.zip\n"
    assert (elsewhere / "model.zip").read_bytes()[:2] == b"PK"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report"], "Name one run, or the groups to compare"),
        (["report", "a", "--compare", "b"], "Name one run, or the groups to compare"),
        (["report", "nope"], "There is no run 'nope'"),
        (["report", "--compare", "nope"], "There is no group or run 'nope'"),
        (["report", "headlines-finetune-2021", "--output", "."], "cannot be written to ."),
        (["export", "headlines-finetune-2021", "--output", "x"], "missing from the artifact folder"),
        (["export", "headlines-finetune-2021", "--output", "x", "--checkpoint", "7"], "no checkpoint at step"),
    ],
)
def test_what_cannot_be_made_is_explained_and_nothing_is_left(
    store: Store, capsys: pytest.CaptureFixture[str], elsewhere: Path, arguments: list[str], sentence: str
) -> None:
    synthetic.add_run(store, synthetic.add_dataset(store, "headlines", n_train=60, n_dev=40), "headlines-finetune-2021")
    assert main([*arguments, "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert os.listdir(elsewhere) == []


def test_a_report_that_was_there_is_replaced_whole(store: Store, elsewhere: Path) -> None:
    run = synthetic.add_run(store, synthetic.add_dataset(store, "headlines", n_train=60, n_dev=40), "mine")
    (elsewhere / "mine-report.html").write_text("older")
    assert main(["report", "mine"]) == 0
    made = (elsewhere / "mine-report.html").read_text(encoding="utf-8")
    assert len(made) == len(run_report(store, run))
