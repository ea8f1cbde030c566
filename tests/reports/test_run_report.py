"""The report of a run says what the store holds, whatever state the run is in, and nothing that is not for others."""

import html
import json
import re
from typing import Any

import pytest

from core.formats import percent, signed
from core.reports.private import encoder_name, scrubbed
from core.reports.run_report import run_report
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Diagnosis, Run
from tests.pages import synthetic


def words(report: str) -> str:
    """What a person reads: without scripts, styles and tags."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", report, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def figures(report: str) -> list[dict[str, Any]]:
    return [json.loads(one) for one in re.findall(r'<script type="application/json">(.*?)</script>', report, re.DOTALL)]


def of(store: Store, run: Run, **wish: bool) -> str:
    return run_report(store, queries.get_run(store, run.id), **wish)


@pytest.mark.both_databases
def test_it_says_what_the_store_holds(store: Store, filled: synthetic.Filled) -> None:
    report = of(store, filled.run)
    said = words(report)
    newest = queries.diagnoses(store, filled.run.id)[-1]
    control = queries.diagnoses(store, filled.control.id)[-1]
    dev = next(one for one in reversed(queries.evaluations(store, filled.run.id)) if one.split == "dev")
    for part in (
        *(newest.sentence, signed(newest.cid, 3), signed(newest.ci_low, 3), signed(newest.null_high, 3)),
        *(signed(control.cid, 3), filled.control.name, filled.run.data_sha256, "seed 2021", filled.dataset.name),
        *(percent(dev.accuracy), percent(dev.worst_cell), percent(dev.report["confound_only_floor"])),
        *("4 rounds. The last took J from", "Confound influence difference:", "none: it comes with the project"),
    ):
        assert part in said, part
    for cell in dev.report["cells"]:
        assert f"{cell['n']} {percent(cell['accuracy'])}" in said
    for probe in newest.report["probes"]:
        assert signed(probe["cid"], 3) in said
    names = [one["filename"] for one in figures(report)]
    assert len(names) == len(set(names)) == 9
    best = max(newest.report["probes"], key=lambda one: one["cid"])
    histograms = next(one for one in figures(report) if one["filename"].endswith(f"probe-{best['id']}"))
    assert f"(n = {best['n_a']})" in histograms["data"][0]["name"]
    assert "click" not in json.dumps(histograms)


def test_the_texts_can_be_left_out(store: Store, filled: synthetic.Filled) -> None:
    frame = queries.examples(store, filled.dataset)
    probes = {str(one["id"]) for one in queries.diagnoses(store, filled.run.id)[-1].report["probes"]}
    texts = list(frame.loc[frame["id"].isin(probes), "text"])
    with_texts, without = of(store, filled.run), of(store, filled.run, with_texts=False)
    assert sum(html.escape(text) in with_texts for text in texts) == len(texts) == 40
    assert not [text for text in texts if html.escape(text) in without or text in without]
    assert "texts of examples were left out" in words(without)


@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled"])
def test_a_run_in_any_state_has_a_report(store: Store, filled: synthetic.Filled, status: str) -> None:
    run = synthetic.add_run(store, filled.dataset, "early", status=status, steps=(), error="CUDA ran out of memory.")
    said = words(of(store, run))
    assert "This run has not been diagnosed" in said
    assert "CUDA ran out of memory." in said


def test_without_its_matrix_a_report_has_all_but_figure_1(store: Store, filled: synthetic.Filled) -> None:
    store.artifacts.delete(queries.diagnoses(store, filled.run.id)[-1].path)
    report = of(store, filled.run)
    assert "Figure 1 cannot be drawn" in words(report)
    assert len(figures(report)) == 7


def test_a_cid_that_is_undefined_is_said_so(store: Store, filled: synthetic.Filled) -> None:
    with store.writing() as session:
        for one in session.query(Diagnosis).where(Diagnosis.run_id == filled.run.id):
            one.cid = one.ci_low = one.ci_high = one.null_low = one.null_high = one.p_value = None
            one.report = {**one.report, "probes": [{**probe, "cid": None} for probe in one.report["probes"]]}
            one.verdict = "undefined"
    assert "CID is undefined at every checkpoint" in words(of(store, filled.run))


def test_where_a_run_came_from_stands_in_it(store: Store, filled: synthetic.Filled) -> None:
    child = synthetic.add_run(
        store, filled.dataset, "child", method="influence-tuning", steps=(1,), parent=(filled.run, 240)
    )
    for run in (filled.run, child):
        assert re.search(r"child( \(this run\))? ?: Influence tuning, from step 240", words(of(store, run)))


def test_notes_are_plain_text(store: Store, filled: synthetic.Filled) -> None:
    with store.writing() as session:
        session.get_one(Run, filled.run.id).note = "**bold** <img src=https://example.invalid/x.png>\nsecond line"
    report = of(store, filled.run)
    assert "**bold** &lt;img src=https://example.invalid/x.png&gt;\nsecond line" in report


def test_nothing_of_the_machine_and_no_secret_stands_in_it(
    store: Store, settings: Settings, filled: synthetic.Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("hunter2-of-the-database", "token-of-the-server-16", "AKIAEXAMPLE", "signature-of-the-bucket")
    folder = str(settings.home / "models" / "my-encoder")
    with store.writing() as session:
        run = session.get_one(Run, filled.run.id)
        run.encoder = folder
        run.config = {**run.config, "encoder": folder, "cache": f"{settings.home}/cache"}
        run.error = (
            f"No file {settings.home}/artifacts/model.safetensors at postgresql://me:{secrets[0]}@host/db, "
            f"https://{secrets[2]}@bucket/x?Signature={secrets[3]} ('{settings.home}/secret.txt')"
        )
        run.versions = {"torch": f"2.13 from {settings.home}/lib"}
    monkeypatch.setenv("UNCONFOUND_API_TOKEN", secrets[1])
    report = of(store, filled.run)
    assert "my-encoder (a local folder)" in words(report)
    assert str(settings.home) not in report
    assert not [one for one in secrets if one in report]


def test_paths_and_passwords_are_cut_and_all_else_stays() -> None:
    kept = "1/2 of 3 m/s, source/label, and/or, 10 % / 20 %, cuda:0, https://arxiv.org/abs/2110.03212"
    assert scrubbed(kept) == kept
    assert scrubbed(r"in C:\Users\me\models\x.bin and /home/me/a.txt") == "in …/x.bin and …/a.txt"
    assert scrubbed("s3://me:word@host/b") == "s3://***@host/b"
    assert encoder_name("google/electra-small") == "google/electra-small"
    assert encoder_name("/srv/models/mine") == "mine (a local folder)"
