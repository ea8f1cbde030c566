"""The command line: one JSON object on standard output, errors on standard error, and the right exit code."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.__main__ import MODULES, build_parser, main
from core.datasets.samples import SAMPLES
from core.jobs.supervisor import end_tree
from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import Store


def call(*arguments: str | Path, code: int = 0, process: bool = False) -> subprocess.CompletedProcess[str]:
    """One command, as `python -m core` carries it out; in a process of its own where that matters."""
    words = list(map(str, arguments))
    if process:
        command = [sys.executable, "-m", "core", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=600, check=False)
    else:
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            try:
                ended = main(words)
            except SystemExit as left:
                ended = int(left.code or 0)
        done = subprocess.CompletedProcess(words, ended, out.getvalue(), err.getvalue())
    assert done.returncode == code, done.stderr
    return done


def ask(*arguments: str | Path, process: bool = False) -> dict[str, Any]:
    done = call(*arguments, "--json", process=process)
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


@pytest.fixture
def worker(store: Store) -> Iterator[None]:
    yield
    for one in queries.live_workers(store):
        end_tree(one.pid, grace=5)


@pytest.fixture
def dataset(settings: Settings) -> str:
    files = SAMPLES["textlen"].files
    ask("dataset", "add", "--name", "tl", "--train", files["train"], "--dev", files["dev"])
    return "tl"


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("worker")
def test_the_whole_loop(store: Store, dataset: str, tmp_path: Path) -> None:
    run = ask(
        "train",
        "--dataset",
        dataset,
        "--encoder",
        "tiny",
        "--seed",
        "7",
        "--set",
        "label_epochs=2",
        "--set",
        "label_lr=1e-3",
        "--name",
        "r",
        "--wait",
        process=True,
    )
    assert {key: run[key] for key in ("run", "status", "seed", "method")} == {
        "run": "r",
        "status": "done",
        "seed": 7,
        "method": "finetune",
    }
    assert run["seconds"] > 0
    assert run["steps"] == run["checkpoints"][-1] > 0
    assert set(run["evaluation"]) == {"train", "dev"}
    for split in run["evaluation"].values():
        cells = split["cells"]
        assert split["worst_cell"] == min(cell["accuracy"] for cell in cells)
        assert split["accuracy"] == pytest.approx(
            sum(c["accuracy"] * c["n"] for c in cells) / sum(c["n"] for c in cells)
        )
        assert {"label", "confound", "n", "accuracy"} <= set(cells[0])
    assert run["evaluation"]["dev"]["confound_only_floor"] == pytest.approx(0.5)

    diagnosis = ask("diagnose", "r", "--probes", "8", "--wait", process=True)
    assert diagnosis["run"] == "r"
    assert diagnosis["checkpoint"] == run["steps"]
    assert diagnosis["estimator"] == "cosine"
    assert len(diagnosis["probes"]) == 8
    assert {"id", "label", "confound", "cid", "q", "effect"} <= set(diagnosis["probes"][0])
    assert diagnosis["cid"] == pytest.approx(sum(one["cid"] for one in diagnosis["probes"]) / 8)
    assert diagnosis["ci"][0] <= diagnosis["cid"] <= diagnosis["ci"][1]
    assert diagnosis["null"][0] < diagnosis["null"][1]
    assert 0 < diagnosis["p_value"] <= 1
    assert diagnosis["seconds"] > 0

    early = ask("diagnose", "r", "--probes", "4", "--checkpoint", str(run["checkpoints"][0]), "--wait")
    assert early["checkpoint"] == run["checkpoints"][0]

    held_out = ask("evaluate", "r", "--file", SAMPLES["textlen"].files["dev"])
    for key in ("accuracy", "worst_cell", "confound_only_floor"):
        assert held_out[key] == pytest.approx(run["evaluation"]["dev"][key])

    assert ask("run", "list")["runs"][0]["cid"] == pytest.approx(diagnosis["cid"])
    shown = ask("run", "show", "r")
    assert shown["evaluation"] == run["evaluation"]  # a file that was tried is not the run's own accuracy
    assert {job["status"] for job in ask("jobs", "list")["jobs"]} == {"done"}

    ask("run", "delete", "r")
    assert ask("run", "list")["runs"] == []
    assert [one["run"] for one in ask("run", "list", "--deleted")["deleted"]] == ["r"]
    assert (store.artifacts.root / "runs" / run["id"]).exists()
    assert ask("run", "restore", "r")["run"] == "r"
    assert ask("run", "show", "r")["evaluation"] == run["evaluation"]
    ask("run", "delete", "r", "--now")
    assert not (store.artifacts.root / "runs" / run["id"]).exists()
    ask("dataset", "delete", dataset)
    assert ask("dataset", "list")["datasets"] == []


@pytest.mark.usefixtures("worker")
def test_a_queued_training_answers_at_once_and_can_be_cancelled(store: Store, dataset: str) -> None:
    queued = ask("train", "--dataset", dataset, "--encoder", "tiny", "--set", "label_epochs=200")
    assert queued["status"] == "queued"
    assert ask("jobs", "show", queued["job"])["kind"] == "train"
    assert ask("jobs", "cancel", queued["job"])["status"] in ("running", "cancelled")


def test_plain_output_is_for_people(dataset: str) -> None:
    shown = call("dataset", "show", dataset, process=True).stdout
    assert "short × negative" in shown
    assert "the confound alone reaches" in shown
    assert "data set" in call("run", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dataset", "show", "nope"], "There is no data set 'nope'"),
        (["train", "--dataset", "nope"], "There is no data set 'nope'"),
        (["diagnose", "nope"], "There is no run 'nope'"),
        (["evaluate", "nope", "--file", "x.csv"], "There is no run 'nope'"),
        (["jobs", "cancel", "nope"], "There is no job 'nope'"),
        (["dataset", "add", "--name", "x", "--train", "/nowhere/f.csv"], "f.csv"),
    ],
)
def test_bad_input_is_explained_on_standard_error_with_code_2(
    settings: Settings, arguments: list[str], sentence: str
) -> None:
    done = call(*arguments, "--json", code=2, process=arguments[0] == "diagnose")
    assert done.stdout == ""
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_call_has_code_2(settings: Settings) -> None:
    assert "usage" in call("train", code=2, process=True).stderr
    assert "usage" in call("nonsense", code=2).stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [("label_epochs=0", "label_epochs"), ("label_epoch=3", "Did you mean label_epochs"), ("batch_size", "KEY=VALUE")],
)
def test_a_bad_setting_is_named(dataset: str, option: str, sentence: str) -> None:
    done = call("train", "--dataset", dataset, "--set", option, code=2)
    assert sentence in done.stderr
    assert ask("run", "list")["runs"] == []


def test_a_bad_file_is_refused_and_nothing_is_stored(settings: Settings, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["x", "x"], "confound": ["p", "q"]})
    frame.to_csv(tmp_path / "one_label.csv", index=False)
    done = call("dataset", "add", "--name", "bad", "--train", tmp_path / "one_label.csv", code=2)
    assert "label" in done.stderr
    assert ask("dataset", "list")["datasets"] == []
    assert not (settings.artifacts / "datasets").exists() or list((settings.artifacts / "datasets").iterdir()) == []


def test_a_taken_name_is_refused(dataset: str) -> None:
    done = call("dataset", "add", "--name", dataset, "--train", SAMPLES["textlen"].files["train"], code=2)
    assert "already a data set named 'tl'" in done.stderr


@pytest.mark.usefixtures("worker")
def test_a_failed_run_has_code_1(store: Store, dataset: str) -> None:
    words = ("train", "--dataset", dataset, "--encoder", "tiny", "--set", "device=cuda", "--wait", "--json")
    done = call(*words, code=1, process=True)
    assert "no usable GPU" in done.stderr
    assert json.loads(done.stdout)["status"] == "failed"


def test_a_confound_can_be_built_from_keywords_or_a_pattern(settings: Settings) -> None:
    file = SAMPLES["textlen"].files["train"]
    words = ask("dataset", "add", "--name", "words", "--train", file, "--confound-keywords", "pos=positive")
    assert words["confounds"] == ["none", "pos"]
    pattern = ask(
        "dataset", "add", "--name", "pattern", "--train", file, "--confound-pattern", "^(?P<value>Positive|Negative)"
    )
    assert pattern["confounds"] == ["Negative", "Positive"]
    both = ("--confound-pattern", "x", "--confound-keywords", "a=b")
    assert "not from both" in call("dataset", "add", "--name", "x", "--train", file, *both, code=2).stderr


def test_a_command_is_built_by_its_module_alone() -> None:
    whole = set(_words(build_parser()))
    assert whole == {word for words in MODULES.values() for word in words}
    for words in MODULES.values():
        for word in words:
            assert set(_words(build_parser(word))) == set(words)
    assert set(_words(build_parser("--help"))) == set(_words(build_parser("no-such"))) == whole


def _words(parser: argparse.ArgumentParser) -> list[str]:
    return [word for one in parser._actions if isinstance(one, argparse._SubParsersAction) for word in one.choices]


@pytest.mark.parametrize(
    "module", ["core.commands.jobs", "core.commands.runs", "core.commands.status", "core.commands.datasets"]
)
def test_what_is_called_often_loads_nothing_that_takes_seconds(module: str) -> None:
    heavy = ("torch", "transformers", "scipy.stats", "plotly", "streamlit", "sklearn")
    script = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == "[]"
