"""What is started over the API is what the same command would have queued, and what it refuses queues nothing."""

import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.jobs import queue
from core.store import queries
from core.store.engine import Store
from core.training.config import TrainConfig
from tests.pages import synthetic
from tests.pages.visits import job

RUN = "headlines-finetune-2021"
HELD_OUT = "text,label,prefix\n" + "".join(f"Negative . word {n} .,short,negative\n" for n in range(6))


def post(client: TestClient, path: str, body: Any = None, status: int = 202) -> Any:
    found = client.post(path, json=body) if body is not None else client.post(path)
    assert found.status_code == status, found.text
    return found.json()


def message(client: TestClient, path: str, body: Any, status: int) -> str:
    return str(post(client, path, body, status)["error"]["message"])


def test_a_training_with_its_settings_and_a_diagnosis_after_it(
    owner: TestClient, store: Store, filled: synthetic.Filled
) -> None:
    settings = {"label_epochs": 3, "label_lr": 1e-4, "micro_batch": None, "precision": "float32", "warmup": 0}
    begun = post(
        owner,
        "/runs",
        {"dataset": "headlines", "encoder": "tiny", "seed": 7, "settings": settings, "then_diagnose": "final"},
    )
    run = queries.get_run(store, begun["run"])
    assert (run.id, run.status, run.seed, run.encoder) == (begun["id"], "queued", 7, "tiny")
    expected = TrainConfig.parse({"encoder": "tiny", "seed": "7", "label_epochs": "3", "label_lr": "1e-4",
                                  "precision": "float32", "warmup": "0"})  # fmt: skip
    assert run.config == expected.model_dump(mode="json")
    assert queries.get_job(store, begun["diagnosis_job"]).after_id == begun["job"]
    assert owner.get(f"/jobs/{begun['job']}").json()["status"] == "queued"


@pytest.mark.both_databases
def test_seeds_become_a_group_and_more_can_be_added(owner: TestClient, store: Store, filled: synthetic.Filled) -> None:
    made = post(owner, "/groups", {"dataset": "headlines", "encoder": "tiny", "seeds": [1, 2**31 - 1]})
    assert made["group"] == "headlines-finetune"
    post(owner, "/runs", {"dataset": "headlines", "encoder": "tiny", "seed": 3, "group": made["group"]})
    assert [run.seed for run in queries.runs_of_group(store, made["group"])] == [1, 3, 2**31 - 1]
    assert len(owner.get("/runs", params={"group": made["group"]}).json()["runs"]) == 3
    again = {"dataset": "headlines", "encoder": "tiny", "seeds": [4, 1], "group": made["group"]}
    assert "has a run with the seed 1 already" in message(owner, "/groups", again, 409)
    assert len(queries.list_jobs(store)) == 3


def test_the_control_is_what_no_spurious_trains_on(owner: TestClient, store: Store, filled: synthetic.Filled) -> None:
    begun = post(owner, "/runs", {"dataset": "headlines", "encoder": "tiny", "method": "no-spurious"})
    assert queries.get_run(store, begun["run"]).dataset_id == filled.control.dataset_id


def test_a_round_makes_a_child_run(owner: TestClient, store: Store, filled: synthetic.Filled) -> None:
    body = {"kind": "influence", "checkpoint": 120, "settings": {"round_epochs": 2}, "then_label_steps": 5}
    begun = post(owner, f"/runs/{RUN}/tunings", body)
    child = queries.get_run(store, begun["run"])
    assert (begun["parent"], child.parent_id, child.parent_step) == (RUN, filled.run.id, 120)
    assert (child.config["round_epochs"], child.config["label_steps"]) == (2, 5)
    assert [one["run"] for one in owner.get(f"/runs/{RUN}/tree").json()["tree"]] == [RUN, child.name]
    assert "no checkpoint at step '7'" in message(
        owner, f"/runs/{RUN}/tunings", {"kind": "influence", "checkpoint": 7}, 409
    )


def test_a_diagnosis_of_a_step_and_of_all(owner: TestClient, store: Store, filled: synthetic.Filled) -> None:
    begun = post(owner, f"/runs/{RUN}/diagnoses", {"checkpoint": 40, "probes": 10, "probe_source": "dev"})
    payload = queries.get_job(store, begun["job"]).payload
    assert (payload["checkpoint"], payload["probes"], payload["probe_source"]) == ("40", 10, "dev")
    post(owner, f"/runs/{RUN}/diagnoses", {"checkpoint": "all"})
    demo = synthetic.add_run(store, filled.dataset, "demo", demo=True)
    assert "precomputed demo" in message(owner, f"/runs/{demo.name}/diagnoses", {}, 409)


def test_a_try_of_a_text(owner: TestClient, store: Store, filled: synthetic.Filled) -> None:
    begun = post(owner, f"/runs/{RUN}/tries", {"text": "Negative . words", "checkpoint": 120, "rows": "all"})
    found = queries.get_job(store, begun["job"])
    assert (found.kind, found.payload["text"], found.payload["checkpoint"]) == ("try", "Negative . words", 120)
    assert (found.payload["rows"], found.payload["label"]) == ("all", None)
    assert "is empty" in message(owner, f"/runs/{RUN}/tries", {"text": "  "}, 409)
    assert "'text' in the body" in message(owner, f"/runs/{RUN}/tries", {"text": "x" * 50_001}, 422)


def test_an_evaluation_of_a_file(owner: TestClient, store: Store, filled: synthetic.Filled) -> None:
    name = "../../<b>other</b>\u202e.csv"
    found = owner.post(f"/runs/{RUN}/evaluations", files={"file": (name, io.BytesIO(HELD_OUT.encode()))})
    assert found.status_code == 202, found.text
    payload = queries.get_job(store, found.json()["job"]).payload
    assert len(store.artifacts.read_table(payload["path"])) == 6
    assert payload["split"].startswith("file:b>.csv:")
    other = owner.post(f"/runs/{RUN}/evaluations", files={"file": ("a.csv", io.BytesIO(b"one,two\n1,2\n"))})
    assert (other.status_code, other.json()["error"]["code"]) == (422, "invalid")
    assert "a.csv" in other.json()["error"]["message"]
    assert owner.post(f"/runs/{RUN}/evaluations", data={"file": "text"}).status_code == 422
    assert len(queries.list_jobs(store)) == 1


@pytest.mark.both_databases
def test_cancel_retry_pause_and_resume(owner: TestClient, store: Store, filled: synthetic.Filled) -> None:
    waiting, running = job(store, filled.run), job(store, filled.run, status="running")
    assert post(owner, f"/jobs/{waiting.id}/cancel", status=200) == {"job": waiting.id, "status": "cancelled"}
    assert "already ended" in message(owner, f"/jobs/{waiting.id}/cancel", None, 409)
    assert post(owner, f"/jobs/{waiting.id}/retry", status=200)["status"] == "queued"
    assert post(owner, f"/jobs/{running.id}/cancel", status=200)["status"] == "running"
    assert queries.get_job(store, running.id).cancel_requested_at is not None
    assert post(owner, "/queue/pause", status=200) == {"paused": True}
    assert queue.paused_since(store) is not None
    assert owner.get("/jobs").json()["paused_since"] == owner.get("/health").json()["paused_since"] is not None
    assert post(owner, "/queue/resume", status=200) == {"paused": False}
    assert queue.paused_since(store) is None


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/runs", {"dataset": "nope"}, 404, "There is no data set 'nope'"),
        ("/runs", {}, 422, "'dataset' in the body is missing"),
        ("/runs", {"dataset": "headlines", "seed": "1"}, 422, "'seed' in the body"),
        ("/runs", {"dataset": "headlines", "seed": -1}, 422, "'seed' in the body"),
        ("/runs", {"dataset": "headlines", "method": "magic"}, 422, "'method' in the body"),
        ("/runs", {"dataset": "headlines", "settings": {"label_epochs": 0}}, 422, "'settings.label_epochs'"),
        ("/runs", {"dataset": "headlines", "settings": {"epochs": 3}}, 422, "There is no 'settings.epochs'"),
        ("/runs", {"dataset": "headlines", "settings": {"seed": 3}}, 422, "There is no 'settings.seed'"),
        ("/runs", {"dataset": "headlines", "name": "a/b"}, 409, "not usable for a run"),
        ("/runs", {"dataset": "headlines", "name": RUN}, 409, "already a run named"),
        ("/runs", {"dataset": "headlines", "encoder": "/etc"}, 409, "not among those"),
        ("/runs", {"dataset": "headlines", "encoder": "~nobody-here/x"}, 409, "There is no folder"),
        ("/runs", {"dataset": "headlines", "encoder": "/\x00"}, 409, "There is no folder"),
        ("/runs", {"dataset": "head\x00lines"}, 422, "'dataset' in the body"),
        ("/runs", [], 422, "The body is not usable"),
        ("/groups", {"dataset": "headlines", "seeds": []}, 422, "'seeds' in the body"),
        ("/groups", {"dataset": "headlines", "seeds": [1, 1]}, 409, "given twice"),
        ("/runs/nope/diagnoses", {}, 404, "There is no run 'nope'"),
        (f"/runs/{RUN}/diagnoses", {"probes": 1}, 422, "'probes' in the body"),
        (f"/runs/{RUN}/diagnoses", {"checkpoint": 41}, 409, "no checkpoint at step"),
        (f"/runs/{RUN}/tunings", {"kind": "other"}, 422, "'kind' in the body"),
        ("/jobs/nope/cancel", None, 404, "There is no job 'nope'"),
        ("/jobs/nope/retry", None, 404, "There is no job 'nope'"),
    ],
)
def test_a_refusal_is_a_sentence_and_queues_nothing(
    owner: TestClient, store: Store, filled: synthetic.Filled, path: str, body: Any, status: int, said: str
) -> None:
    assert said in message(owner, path, body, status)
    assert queries.list_jobs(store) == []
    assert len(queries.list_runs(store)) == 3


def test_a_full_queue_refuses(
    owner: TestClient, store: Store, filled: synthetic.Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNCONFOUND_MAX_QUEUE", "1")
    from core.settings import get_settings

    get_settings.cache_clear()
    post(owner, "/runs", {"dataset": "headlines", "encoder": "tiny"})
    assert "The queue is full" in message(owner, "/groups", {"dataset": "headlines", "seeds": [1, 2]}, 409)
    assert len(queries.list_runs(store)) == 4


@pytest.mark.both_databases
def test_a_run_is_renamed_noted_deleted_and_brought_back(
    owner: TestClient, store: Store, filled: synthetic.Filled
) -> None:
    changed = owner.patch(f"/runs/{RUN}", json={"name": "better", "note": "**why**\r\n<b>"})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["run"], changed.json()["note"]) == ("better", "**why**\n<b>")
    assert owner.patch("/runs/better", json={}).json()["note"] == "**why**\n<b>"
    assert owner.patch("/runs/better", json={"name": "headlines-finetune-2022"}).status_code == 409
    assert owner.patch("/runs/better", json={"note": "x" * 5001}).status_code == 422
    assert owner.patch("/runs/better", json={"status": "done"}).status_code == 422
    job(store, filled.run, status="queued")
    assert owner.delete("/runs/better").status_code == 409
    deleted = owner.delete("/runs/better", params={"cancel": "true"})
    assert deleted.status_code == 200, deleted.text
    assert deleted.json()["run"] == "better"
    assert owner.get("/runs/better").status_code == 404
    assert owner.delete("/runs/better").status_code == 404
    assert post(owner, "/runs/better/restore", status=200) == {"run": "better", "id": filled.run.id}
    assert owner.get("/runs/better").json()["note"] == "**why**\n<b>"
    assert owner.post("/runs/better/restore").status_code == 404


def test_writing_on_runs_needs_the_token(client: TestClient, filled: synthetic.Filled) -> None:
    answers = [client.patch(f"/runs/{RUN}", json={"note": "x"}), client.delete(f"/runs/{RUN}")]
    assert [one.status_code for one in answers] == [403, 403]
