"""The reproduction's machinery on a tiny encoder: what is there is not repeated, what was interrupted goes on with the
same numbers, what fails is said, and the paper's figures stand beside ours."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.reproduce import __main__ as command
from benchmarks.reproduce.clock import Clock
from benchmarks.reproduce.one import StoppedError, carry_out
from benchmarks.reproduce.one import main as carry_out_and_write
from benchmarks.reproduce.planner import Planner
from benchmarks.reproduce.plans import EXPERIMENTS
from benchmarks.reproduce.pool import Pool
from benchmarks.reproduce.record import FolderRecorder, Ledger
from benchmarks.reproduce.report import report
from benchmarks.reproduce.search import SEED, Choices, search, stored
from benchmarks.reproduce.slots import Slot
from benchmarks.reproduce.spec import RESULT, RunSpec, result_of, write_json
from benchmarks.reproduce.table import table
from core.encoders.catalogue import resolve
from core.errors import UserError
from core.settings import PROJECT
from core.training.recorder import Metric
from tests.training.examples import examples

TINY = resolve("tiny")
QUICK = {
    "label_epochs": "3",
    "batch_size": "16",
    "interval": "4",
    "round_epochs": "1",
    "probes_per_epoch": "4",
    "k": "2",
}
TIMES = ("seconds", "finished_at", "diagnosis", "rounds")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with the files of TextLen, but few rows."""
    folder = tmp_path_factory.mktemp("data")
    frame = examples(n=48, dev=16)
    for stem, texts in (("textlen", frame["text"]), ("textlen_nospurious", frame["text"].str.split(" ", n=1).str[1])):
        for split in ("train", "dev"):
            here = frame["split"] == split
            frame[here].assign(text=texts)[["text", "label", "confound"]].to_csv(
                folder / f"{stem}_{split}.csv", index=False
            )
    return folder


@pytest.fixture
def planner(data):
    return Planner(data, "tiny", overrides=QUICK)


def column(key, experiment="textlen"):
    return EXPERIMENTS[experiment](TINY).column(key)


def never():
    return False


def invented(spec, accuracy=0.8, *, failed_to_fit=False, cid=0.05):
    """A result as `one` writes it."""
    reports = {
        split: {"accuracy": accuracy, "worst_cell": accuracy - 0.2, "confound_only_floor": 0.5}
        for split in ("train", "dev")
    }
    return {
        "status": "done",
        "run": spec.name,
        "data": spec.data,
        "seed": spec.settings["seed"],
        "config": None,
        "failed_to_fit": failed_to_fit,
        "evaluations": reports,
        "diagnosis": {"cid": cid, "seconds": 1.0}
        if cid is not None
        else {"cid": None, "error": "zero", "seconds": 1.0},
        "seconds": {"training": 100.0, "label_steps": 90.0, "diagnosis": 1.0},
        "device": "CPU, 1 thread, float32",
        "versions": {"torch": "2", "transformers": "5"},
        "code": "abc",
    }


# --- the whole of it, in processes of its own ---


def test_a_call_runs_what_is_missing_and_the_next_call_nothing(data, tmp_path, capsys):
    arguments = ["textlen", "--encoder", "tiny", "--seeds", "2021", "--methods", "finetune,influence-tuning"]
    arguments += ["--data", str(data), "--home", str(tmp_path / "home"), "--save", str(tmp_path / "found" / "x.json")]
    arguments += ["--parallel", "2", "--threads", "1", "--device", "cpu"]
    arguments += [part for key, value in QUICK.items() for part in ("--set", f"{key}={value}")]

    assert command.main(arguments) == 0
    first = capsys.readouterr()
    saved = json.loads((tmp_path / "found" / "x.json").read_text())
    assert (tmp_path / "found" / "x.md").read_text() == first.out.removesuffix("\n")
    rows = [line for line in first.out.splitlines() if line.startswith("| ")]
    assert any(line.startswith("| finetuning |") and "76.00 ± 1.17" in line for line in rows)
    assert any(line.startswith("| influence tuning |") and "80.48 ± 2.07" in line for line in rows)
    assert [one["key"] for one in saved["columns"]] == ["finetune", "influence-tuning"]
    assert saved["machine"]["processor"]
    tuned = saved["columns"][1]["runs"][0]
    assert [one["number"] for one in tuned["rounds"]] == [1]
    assert tuned["seconds"]["rounds"] > 0
    assert set(tuned["evaluations"]) == {"train", "dev"}
    folders = list((tmp_path / "home" / "runs").iterdir())
    assert len(folders) == 2
    assert not [path for folder in folders for path in (folder / "resume", folder / "checkpoints") if path.exists()]

    assert command.main(arguments) == 0
    again = capsys.readouterr()
    assert "2 of 2 runs are there already" in again.err
    assert "begun" not in again.err
    assert again.out == first.out


def test_a_run_that_is_asked_to_stop_saves_its_state_and_leaves(planner, tmp_path):
    longer = Planner(planner.folder, "tiny", overrides={**QUICK, "label_epochs": "200"})
    file = longer.spec(column("finetune"), 2021, {}).write(tmp_path)
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.reproduce.one", str(file)], cwd=PROJECT)
    began = file.parent / "metrics.jsonl"
    while not began.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 3
    assert not (file.parent / RESULT).exists()
    assert list((file.parent / "resume").iterdir())


# --- one run ---


def test_an_interrupted_run_goes_on_to_the_same_numbers(planner, tmp_path):
    spec = planner.spec(column("influence-tuning"), 2021, {"diagnose_every": 3})
    calls = iter(range(1000))
    for stop_at in (3, 5):  # in the middle of label steps, and after the round
        with pytest.raises(StoppedError):
            carry_out(spec, folder_of(spec, tmp_path / "a"), lambda at=stop_at: next(calls) % 100 == at)
    resumed = carry_out(spec, folder_of(spec, tmp_path / "a"), never)
    straight = carry_out(spec, folder_of(spec, tmp_path / "b"), never)
    assert any("Going on after step" in note for note in resumed["notes"])
    assert [one["number"] for one in resumed["rounds"]] == [1]
    assert resumed["curves"] == straight["curves"]
    assert resumed["curves"]["cid"]
    for key in ("evaluations", "steps", "failed_to_fit"):
        assert resumed[key] == straight[key]
    assert resumed["diagnosis"]["cid"] == straight["diagnosis"]["cid"]


def folder_of(spec, home):
    return spec.write(home).parent


def test_a_run_that_fails_says_why_and_stops_no_other(planner, tmp_path):
    spec = planner.spec(column("finetune"), 2021, {})
    other = RunSpec(**{**vars(spec), "data_sha256": "0" * 64})
    file = other.write(tmp_path)
    assert carry_out_and_write(file) == 1
    found = result_of(other, tmp_path)
    assert found["status"] == "failed"
    assert "have changed" in found["error"]

    write_json(tmp_path / "ready.json", invented(spec))
    copies = (
        f"import shutil, sys; shutil.copy({str(tmp_path / 'ready.json')!r}, sys.argv[1].replace('spec.', 'result.'))"
    )
    pool = Pool(tmp_path, [Slot({})], make=lambda file: [sys.executable, "-c", copies, str(file)])
    outcomes = pool.run([other, spec])
    assert [outcomes[one.name]["status"] for one in (other, spec)] == ["failed", "done"]
    pool.retry_failed = True
    assert pool.run([other])[other.name]["status"] == "done"


def test_a_process_that_dies_is_named_and_tried_again_by_the_next_call(planner, tmp_path):
    spec = planner.spec(column("finetune"), 2021, {})
    dies = Pool(tmp_path, [Slot({})], make=lambda _: [sys.executable, "-c", "import os; print('no room'); os.abort()"])
    outcome = dies.run([spec])[spec.name]
    assert outcome["status"] == "unfinished"
    assert "no room" in outcome["error"]
    assert result_of(spec, tmp_path) is None


def test_an_interrupted_call_asks_its_processes_to_stop(planner, tmp_path, monkeypatch):
    waits = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(3)); print('on', flush=True); time.sleep(60)"
    )
    pool = Pool(tmp_path, [Slot({})], make=lambda _: [sys.executable, "-c", waits])
    spec = planner.spec(column("finetune"), 2021, {})
    begun = []

    def interrupt(waiting, running):
        begun.extend(running.values())
        log = spec.folder(tmp_path) / "log.txt"
        while "on" not in log.read_text():
            time.sleep(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "_tell", interrupt)
    pool.told = -1e9
    with pytest.raises(KeyboardInterrupt):
        pool.run([spec])
    assert begun[0].process.returncode == 3


def test_other_defaults_than_those_of_a_finished_run_are_refused(planner, tmp_path):
    spec = planner.spec(column("finetune"), 2021, {})
    write_json(folder_of(spec, tmp_path) / RESULT, {**invented(spec), "config": {"warmup": 0.2, "gone": 1}})
    with pytest.raises(UserError, match=r"warmup was 0\.2 and is 0\.1"):
        result_of(spec, tmp_path)


def test_the_same_run_has_one_folder_whatever_asks_for_it(planner):
    whole = planner.spec(column("influence-tuning-100", "access-rate"), 2021, {})
    assert whole.name == planner.spec(column("influence-tuning"), 2021, {}).name
    assert whole.name != planner.spec(column("influence-tuning-50", "access-rate"), 2021, {}).name
    assert planner.spec(column("finetune"), 2021, {}).name != planner.spec(column("finetune"), 2022, {}).name
    text = Planner(planner.folder, "tiny", overrides={**QUICK, "label_lr": "0.003"}, device="cpu", keep_models=True)
    assert (
        text.spec(column("finetune"), 2021, {}).name == planner.spec(column("finetune"), 2021, {"label_lr": 3e-3}).name
    )


def test_a_ledger_survives_a_line_that_was_cut_off(tmp_path):
    recorder = FolderRecorder(tmp_path, never)
    recorder.metrics([Metric(1, "cid", 0.5), Metric(2, "cid", 0.4), Metric(7, "round_cid", 0.1)])
    recorder.metrics([Metric(1, "cid", 0.6)])
    with (tmp_path / "metrics.jsonl").open("a") as handle:
        handle.write('{"step": 3, "na')
    again = FolderRecorder(tmp_path, never)
    assert again.curve("cid") == [(1, 0.6), (2, 0.4)]
    again.rewind(1, 7)
    assert again.curve("cid") == [(1, 0.6)]
    assert again.curve("round_cid") == [(7, 0.1)]
    assert len(list(Ledger(tmp_path / "metrics.jsonl", ("step", "name")))) == 2


# --- search and report ---


@pytest.mark.parametrize("key", EXPERIMENTS)
@pytest.mark.parametrize("encoder", ["minilm", "bert-base-uncased"])
def test_every_method_gets_as_many_candidates_and_its_plan_is_one_of_them(key, encoder, planner):
    experiment = EXPERIMENTS[EXPERIMENTS[key](resolve(encoder)).searched_in](resolve(encoder))
    searched = [one for one in experiment.columns if one.candidates]
    assert {len(one.candidates) for one in searched} == {2}
    for one in searched:
        assert any(candidate.items() <= one.settings.items() for candidate in one.candidates)


class Prepared:
    """A pool whose runs are done already, with an accuracy by their settings."""

    def __init__(self, home, accuracy):
        self.home, self.accuracy, self.asked = home, accuracy, []

    def run(self, specs):
        self.asked += specs
        return {spec.name: invented(spec, self.accuracy(spec.settings)) for spec in specs}


def test_a_search_takes_the_best_on_dev_and_keeps_every_candidate(planner, tmp_path):
    experiment = EXPERIMENTS["textlen"](TINY)
    pool = Prepared(tmp_path, lambda settings: 0.9 if settings.get("label_lr") == 6e-3 else 0.7)
    columns = [column("finetune"), column("no-spurious")]
    choices = search(experiment, columns, planner, pool, [2021], {"label_epochs": 2})
    assert {spec.settings["label_epochs"] for spec in pool.asked} == {2}
    assert {spec.settings["seed"] for spec in pool.asked} == {SEED}
    assert choices.settings(column("no-spurious")) == {"label_lr": 6e-3}
    assert choices.settings(column("joint")) == {"label_lr": 6e-3}  # finetuning's, for every method
    entry = json.loads((tmp_path / "search.json").read_text())["textlen"]["tiny"]["finetune"]
    assert [one["accuracy"] for one in entry["candidates"]] == [0.7, 0.9]
    assert entry["overrides"]["label_epochs"] == 2
    assert stored(tmp_path, EXPERIMENTS["access-rate"](TINY), "tiny") == choices
    even = search(experiment, columns, planner, Prepared(tmp_path, lambda _: 0.7), [2021], {})
    assert even.settings(column("finetune")) == {"label_lr": 3e-3}  # the plan's own
    with pytest.raises(UserError, match="2020"):
        search(experiment, columns, planner, pool, [SEED], {})
    fixed = Planner(planner.folder, "tiny", overrides={"label_lr": "1e-3"})
    with pytest.raises(UserError, match="label_lr is searched and fixed"):
        search(experiment, columns, fixed, pool, [2021], {})


def test_the_report_counts_failed_runs_and_names_what_did_not_run(planner):
    experiment = EXPERIMENTS["textlen"](TINY)
    keys, seeds = ("finetune", "influence-tuning", "joint", "no-spurious"), (2021, 2022, 2023)
    specs = {key: [planner.spec(column(key), seed, {}) for seed in seeds] for key in keys}
    outcomes = {}
    for key, level in (("finetune", 0.76), ("influence-tuning", 0.84), ("no-spurious", 0.9)):
        for place, spec in enumerate(specs[key]):
            outcomes[spec.name] = invented(spec, level + place / 100)
    collapsed = specs["influence-tuning"][0]
    outcomes[collapsed.name] = invented(collapsed, 0.5, failed_to_fit=True, cid=None)
    outcomes |= {spec.name: {"status": "failed", "error": "out of memory"} for spec in specs["joint"]}
    chosen = {
        "candidates": [{"settings": {"label_lr": 0.003}, "status": "done", "error": None, "failed_to_fit": False}]
    }
    chosen["candidates"][0] |= {"accuracy": 0.771, "worst_cell": 0.5}
    choices = Choices({"finetune": {**chosen, "seed": SEED, "chosen": {"label_lr": 0.003}, "overrides": {}}})

    found = report(experiment, specs, outcomes, planner, choices)
    json.dumps(found, allow_nan=False)
    tuned = found["columns"][1]
    assert (tuned["failed_to_fit"], tuned["all"]["accuracy"]["n"], tuned["fitted"]["accuracy"]["n"]) == (1, 3, 2)
    assert tuned["fitted"]["accuracy"]["mean"] == pytest.approx(0.855)
    assert tuned["all"]["cid"]["n"] == 2
    compared = {
        group: [one["a"] for one in tests if one["measure"] == "accuracy"] for group, tests in found["tests"].items()
    }
    assert compared == {"all": ["influence tuning"], "fitted": ["influence tuning"]}

    text = table(found)
    assert "| influence tuning | 73.7 ± 20.5 (50.0, 85.0, 86.0) | 85.5 ± 0.7 | 80.48 ± 2.07 |" in text
    assert "Without the runs that failed to fit:" in text
    assert "1 of 3" in text
    assert "influence tuning in every label step |" not in text
    assert "Not there: influence tuning in every label step, seed 2021 (failed: out of memory)." in text
    assert "CID undefined: influence tuning, seed 2021 (zero)." in text
    assert "The confound alone would get 50.0 % (textlen), 50.0 % (textlen_nospurious) on dev." in text
    assert "Selected on dev, 1 configurations a method, seed 2020" in text
    assert "| finetune | label_lr 0.003 | 77.1 | 50.0 | chosen |" in text
    assert "nothing searched: influence tuning, influence tuning in every label step." in text


def test_time_left_is_of_known_kinds_only(planner):
    done, same = (planner.spec(column("finetune"), seed, {}) for seed in (2021, 2022))
    other = planner.spec(column("influence-tuning"), 2021, {})
    clock = Clock()
    clock.learn(done, invented(done))
    left = clock.left([same, same, other], [(same, 41.0)], slots=2)
    assert (left.seconds, left.unknown) == ((101 + 101 + 60) / 2, 1)
    assert str(left) == "2 min left and 1 of a kind not timed yet"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--methods", "finetun"], "has no column 'finetun'"),
        (["--seeds", "x"], "--seeds x"),
        (["--set", "seed=3"], "--set seed=3"),
        (["--set", "label_epoch=3"], "Did you mean label_epochs?"),
        (["--data", os.devnull], "There is no textlen_train.csv"),
        (["--encoder", "nobody"], "There is no encoder 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments, said, data, tmp_path, capsys):
    usual = ["textlen", "--encoder", "tiny", "--data", str(data), "--home", str(tmp_path), "--device", "cpu"]
    assert command.main([*usual, *arguments]) == 2
    assert said in capsys.readouterr().err
