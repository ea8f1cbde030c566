"""What is read over the API is what the command line prints and what the store holds, number by number."""

import csv
import io
import json
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from core.__main__ import main
from core.store import queries
from core.store.engine import Store
from tests.pages import synthetic
from tests.pages.visits import job
from tests.reports.test_model_export import trained

RUN = "headlines-finetune-2021"


def get(client: TestClient, path: str, **query: Any) -> Any:
    found = client.get(path, params=query)
    assert found.status_code == 200, found.text
    return found.json()


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def without_page(found: dict[str, Any]) -> dict[str, Any]:
    assert found.pop("next_offset") is None
    return found


@pytest.mark.both_databases
def test_lists_and_details_are_those_of_the_command_line(
    client: TestClient, store: Store, filled: synthetic.Filled, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic.add_rounds(store, filled.run)
    waiting = job(store, filled.run)
    assert without_page(get(client, "/datasets")) == printed(capsys, "dataset", "list")
    assert get(client, "/datasets/headlines") == printed(capsys, "dataset", "show", "headlines")
    assert without_page(get(client, "/runs")) == printed(capsys, "run", "list")
    shown = printed(capsys, "run", "show", RUN)
    assert get(client, f"/runs/{RUN}") == shown == get(client, f"/runs/{filled.run.id}")
    assert get(client, f"/runs/{RUN}/rounds") == {"run": RUN, "rounds": shown["rounds"]}
    assert get(client, f"/runs/{RUN}/tree") == printed(capsys, "tree", RUN)
    assert without_page(get(client, "/jobs")) == printed(capsys, "jobs", "list")
    assert get(client, f"/jobs/{waiting.id}") == printed(capsys, "jobs", "show", waiting.id)
    assert get(client, f"/jobs/{waiting.id}")["run"] == RUN
    groups = [RUN, "headlines-finetune-2022"]
    assert get(client, "/comparisons", group=groups) == printed(capsys, "compare", *groups)
    paper = printed(capsys, "compare", *groups, "--split", "train", "--paper", "--baseline", groups[1])
    assert get(client, "/comparisons", group=groups, split="train", test="student", baseline=groups[1]) == paper


def test_evaluations_and_checkpoints_are_those_of_the_store(
    client: TestClient, store: Store, filled: synthetic.Filled
) -> None:
    evaluations = get(client, f"/runs/{RUN}/evaluations")["evaluations"]
    kept = queries.evaluations(store, filled.run.id)
    assert [(one["step"], one["split"], one["accuracy"], one["report"]) for one in evaluations] == [
        (one.step, one.split, one.accuracy, one.report) for one in kept
    ]
    checkpoints = get(client, f"/runs/{RUN}/checkpoints")["checkpoints"]
    assert [one["step"] for one in checkpoints] == list(synthetic.STEPS)
    assert [one["final"] for one in checkpoints] == [False] * 5 + [True]
    assert "path" not in checkpoints[0]


@pytest.mark.both_databases
def test_metrics_by_name_and_in_parts(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    everything = queries.metrics(store, filled.run.id).to_dict("records")
    parts: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        part = get(client, f"/runs/{RUN}/metrics", limit=7, offset=offset)
        assert len(part["metrics"]) <= 7
        parts += part["metrics"]
        offset = part["next_offset"]
    assert parts == everything
    two = get(client, f"/runs/{RUN}/metrics", name=["label_loss", "dev_accuracy"])["metrics"]
    assert two == [one for one in everything if one["name"] in ("label_loss", "dev_accuracy")]


@pytest.mark.both_databases
def test_runs_by_what_they_are(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    failed = synthetic.add_run(store, filled.dataset, "broken", status="failed", steps=(), method="adversarial")

    def names(**query: str) -> list[str]:
        return [one["name"] for one in get(client, "/runs", **query)["runs"]]

    assert names(status="failed") == names(method="adversarial") == [failed.name]
    assert names(dataset="headlines-control") == [filled.control.name]
    assert set(names(dataset=filled.dataset.id, status="done")) == {filled.run.name, filled.undiagnosed.name}
    assert names(group="nobody") == []
    pages = [get(client, "/runs", limit=1, offset=place) for place in range(4)]
    assert [page["runs"][0]["name"] for page in pages] == names()
    assert [page["next_offset"] for page in pages] == [1, 2, 3, None]


def test_a_diagnosis_with_and_without_its_probes(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    listed = get(client, "/diagnoses", run=RUN)["diagnoses"]
    assert sorted(one["checkpoint"] for one in listed) == list(synthetic.STEPS)
    assert all("probes" not in one for one in listed)
    assert len(get(client, "/diagnoses")["diagnoses"]) == 7
    one = get(client, f"/diagnoses/{listed[0]['diagnosis']}")
    kept = queries.get_diagnosis(store, one["diagnosis"])
    assert (one["cid"], one["ci"], one["verdict"]) == (kept.cid, [kept.ci_low, kept.ci_high], kept.verdict)
    assert one["probes"] == kept.report["probes"]
    same = ("diagnosis", "run", "cid", "ci", "null", "p_value", "verdict", "sentence", "n_train", "config", "seconds")
    assert {key: one[key] for key in same} == {key: listed[0][key] for key in same}


def test_the_matrix_is_the_same_in_every_format(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    kept = queries.diagnoses(store, filled.run.id)[0]
    arrays = store.artifacts.read_arrays(kept.path)
    scores, ids = arrays["scores"], arrays["train_ids"].tolist()
    address = f"/diagnoses/{kept.id}/matrix"

    rows: list[list[float]] = []
    offset: int | None = 0
    while offset is not None:
        part = get(client, address, limit=400, offset=offset)
        assert part["train_ids"] == ids[offset : offset + 400]
        rows += part["scores"]
        offset = part["next_offset"]
    assert (np.array(rows, np.float32) == scores).all()
    assert (part["n_train"], part["n_probes"]) == scores.shape
    assert part["probe_ids"] == [probe["id"] for probe in kept.report["probes"]]
    assert part["probe_rows"] == arrays["probe_row"].tolist()
    assert get(client, address, offset=10**6)["scores"] == []

    lines = list(csv.reader(io.StringIO(client.get(f"{address}.csv").text)))
    assert lines[0] == ["train_id", *part["probe_ids"]]
    assert [line[0] for line in lines[1:]] == ids
    assert (np.array([line[1:] for line in lines[1:]], np.float32) == scores).all()

    table = pd.read_parquet(io.BytesIO(client.get(f"{address}.parquet").content))
    assert list(table.columns) == lines[0]
    assert (table.iloc[:, 1:].to_numpy() == scores).all()

    found = client.get(f"{address}.npz")
    assert found.headers["content-disposition"] == f'attachment; filename="influence-{kept.id}.npz"'
    with np.load(io.BytesIO(found.content), allow_pickle=False) as archive:
        assert (archive["scores"] == scores).all()


def test_scores_that_are_no_number_are_null_and_ids_are_no_formulas(
    client: TestClient, store: Store, filled: synthetic.Filled
) -> None:
    kept = queries.diagnoses(store, filled.run.id)[0]
    arrays = store.artifacts.read_arrays(kept.path)
    arrays["scores"][0, 0] = np.nan
    arrays["train_ids"] = arrays["train_ids"].astype("U40")
    arrays["train_ids"][0] = "=HYPERLINK(1)"
    store.artifacts.write_arrays(kept.path, arrays)
    part = get(client, f"/diagnoses/{kept.id}/matrix", limit=1)
    assert part["scores"][0][0] is None
    assert part["train_ids"] == ["=HYPERLINK(1)"]
    assert "\r\n'=HYPERLINK(1),nan," in client.get(f"/diagnoses/{kept.id}/matrix.csv").text


def test_examples_stand_in_the_order_of_the_matrix(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    kept = queries.diagnoses(store, filled.run.id)[0]
    ids = store.artifacts.read_arrays(kept.path)["train_ids"].tolist()
    part = get(client, "/datasets/headlines/examples", limit=3, offset=5)
    assert [one["id"] for one in part["examples"]] == ids[5:8]
    assert part["next_offset"] == 8
    assert set(part["examples"][0]) == {"id", "text", "text_b", "label", "confound"}
    last = get(client, "/datasets/headlines/examples", split="dev", offset=479)
    assert [len(last["examples"]), last["next_offset"]] == [1, None]


def test_the_log_of_a_job_from_its_end(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    one = job(store, filled.run)
    assert get(client, f"/jobs/{one.id}/log") == {"job": one.id, "log": "", "bytes": 0}
    path = store.artifacts.path(f"jobs/{one.id}.log")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("first\nlast", encoding="utf-8")
    assert get(client, f"/jobs/{one.id}/log", last=4) == {"job": one.id, "log": "last", "bytes": 10}


def test_health_tells_whether_writing_is_on(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    found = get(client, "/health")
    assert (found["status"], found["writing"], found["counts"]["runs"]) == ("ok", False, 3)


def test_an_empty_store_has_empty_lists(client: TestClient) -> None:
    for noun in ("datasets", "runs", "diagnoses", "jobs"):
        assert get(client, f"/{noun}")[noun] == []


def test_a_report_is_a_file_and_its_texts_can_be_left_out(
    client: TestClient, store: Store, filled: synthetic.Filled
) -> None:
    found = client.get(f"/runs/{RUN}/report")
    assert found.status_code == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert 'filename="headlines-finetune-2021-report.html"' in found.headers["content-disposition"]
    assert found.headers["content-disposition"].startswith("attachment")
    assert "The model is confounded" in found.text
    texts = queries.examples(store, filled.dataset)["text"]
    assert any(text in found.text for text in texts)
    without = client.get(f"/runs/{RUN}/report", params={"texts": "false"}).text.partition("<noscript>")[0]
    assert not any(text in without for text in texts)
    assert client.get("/runs/nope/report").status_code == 404
    assert client.get(f"/runs/{RUN}/report", params={"other": "1"}).status_code == 422


def test_a_model_is_a_zip_file(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    run = trained(store, synthetic.add_dataset(store, "small", n_train=60, n_dev=40), "mïne")
    found = client.get(f"/runs/{run.name}/model", params={"checkpoint": "240"})
    assert found.status_code == 200
    assert found.headers["content-type"] == "application/zip"
    assert "filename*=UTF-8''m%C3%AFne-step-240.zip" in found.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(found.content)) as archive:
        assert archive.testzip() is None
        assert "mïne/model.safetensors" in archive.namelist()
    assert client.get(f"/runs/{run.id}/model").content == found.content
    gone = client.get(f"/runs/{RUN}/model")
    assert (gone.status_code, gone.json()["error"]["code"]) == (409, "not_possible")
    assert client.get(f"/runs/{RUN}/model", params={"checkpoint": "x"}).status_code == 422
