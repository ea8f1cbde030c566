"""`train --seeds` and `compare` on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset
from tests.actions.test_comparing import CIDS, FT, IT, add_group, add_run
from tests.pages.synthetic import add_dataset

pytestmark = pytest.mark.usefixtures("no_worker")


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return add_dataset(store, "headlines", n_train=200, n_dev=100)


def ask(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def test_seeds_give_a_group_and_one_seed_does_not(
    store: Store, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ("train", "--dataset", "headlines", "--encoder", "tiny")
    group = ask(capsys, *train, "--seeds", "1,2", "--then-diagnose", "final", "--probes", "8")
    assert group["group"] == "headlines-finetune"
    assert [one["run"] for one in group["runs"]] == ["headlines-finetune-1", "headlines-finetune-2"]
    assert {tuple(one) for one in group["runs"]} == {("run", "id", "job", "status", "diagnosis_job")}
    one = ask(capsys, *train, "--seed", "5")
    assert list(one) == ["run", "id", "job", "status"]
    assert queries.get_run(store, one["run"]).group is None
    grouped = ask(capsys, *train, "--seed", "6", "--group", "g")
    assert list(grouped) == ["run", "id", "job", "status"]
    assert queries.get_run(store, grouped["run"]).group == "g"
    assert queries.get_run(store, ask(capsys, *train)["run"]).seed == 2021


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seeds", "1,x"], "'x' is none"),
        (["--seeds", "1,,2"], "one of them is empty"),
        (["--seeds", "1,1"], "seed 1 is given twice"),
        (["--seeds", "1,99999999999"], "seed"),
        (["--seeds", "1", "--group", "a/b"], "not usable for a group"),
        (["--method", "no-spurious"], "has no control"),
        (["--then-diagnose", "all", "--probes", "0"], "probes"),
    ],
)
def test_a_bad_wish_is_explained_and_nothing_is_queued(
    store: Store, dataset: Dataset, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main(["train", "--dataset", "headlines", "--encoder", "tiny", *arguments, "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert queries.list_runs(store) == []


def test_seed_and_seeds_exclude_each_other(store: Store, dataset: Dataset) -> None:
    with pytest.raises(SystemExit) as left:
        main(["train", "--dataset", "headlines", "--seed", "2021", "--seeds", "1,2"])
    assert left.value.code == 2


def test_compare_gives_json_and_a_table(store: Store, dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    add_group(store, dataset, "ft", FT, cids=CIDS["ft"])
    add_group(store, dataset, "it", IT, cids=CIDS["it"], method="influence-tuning", config={"label_epochs": 3})
    add_run(store, dataset, "it", 2029, 0.5, failed=True, config={"label_epochs": 3})
    report = ask(capsys, "compare", "ft", "it")
    assert (report["baseline"], report["split"], report["test"]) == ("ft", "dev", "Welch's t-test")
    assert [group["group"] for group in report["groups"]] == ["ft", "it"]
    assert report["groups"][1]["fitted"]["accuracy"]["n"] == 3
    assert {"run", "seed", "accuracy", "worst_cell", "cid", "cid_lo", "seconds", "failed_to_fit"} <= set(
        report["groups"][0]["runs"][0]
    )
    first = report["comparisons"]["all"][0]
    assert {"a", "b", "difference", "lo", "hi", "statistic", "df", "p_value", "hedges_g", "sentence"} <= set(first)
    assert report["configuration"][0] == {"key": "label_epochs", "values": {"ft": [10], "it": [3]}}
    assert report["verdict"][0].startswith("Nothing is shown to be better than finetuning on dev")
    assert [len(one["points"]) for one in report["courses"]] == [2] * 6
    add_run(store, dataset, "it", 2031, 0, status="failed", config={"label_epochs": 3})
    assert ask(capsys, "compare", "ft", "it", "--paper")["test"] == "Student's t-test"

    assert main(["compare", "it", "--baseline", "ft"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "75.67 ± 1.53",
        "4 (1 failed to fit)",
        "without the failed",
        "it is 6.0 points above ft in accuracy (Welch t(",
        "label_epochs",
        "Holm's correction",
        report["verdict"][0],
        "Runs without a result:",
        "CID over training",
        "note: ",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["nope"], "no group or run 'nope'"), (["ft", "--split", "test"], "not evaluated on test")],
)
def test_what_cannot_be_compared_is_explained(
    store: Store, dataset: Dataset, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    add_group(store, dataset, "ft", FT)
    assert main(["compare", *arguments, "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
