"""A whole run: what it reports, what it leaves on disk, and that an interruption leaves no trace in either."""

import json
import shutil

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from core.encoders.loading import labels_of, load_saved
from core.errors import UserError
from core.training import state
from core.training.config import TrainConfig
from core.training.evaluation import evaluate, predict
from core.training.trainer import train
from tests.training.examples import NAMES, Memory, examples

CONFIG = TrainConfig(encoder="tiny", label_epochs=3, batch_size=8, max_length=16, checkpoints=3, seed=7)
TOTAL = 18


def weights(folder):
    return load_file(folder / "model.safetensors")


def run(folder, recorder=None, *, config=CONFIG, frame=None, **options):
    recorder = recorder or Memory()
    return train(config, examples() if frame is None else frame, folder, recorder, **options), recorder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    result, recorder = run(folder)
    return folder, result, recorder


def test_every_step_reports_every_number_once(whole):
    _, result, recorder = whole
    assert (result.status, result.steps) == ("done", TOTAL)
    for name in (*NAMES, "seconds"):
        assert [row.step for row in recorder.rows if row.name == name] == list(range(1, TOTAL + 1))
    clock = [row.value for row in recorder.rows if row.name == "seconds"]
    assert clock == sorted(clock)
    assert recorder.said[-1][:2] == (TOTAL, TOTAL)


def test_checkpoints_are_evenly_spaced_and_dev_is_tried_at_each(whole):
    _, result, recorder = whole
    assert {step: (epoch, final) for step, (_, epoch, final) in recorder.folders.items()} == {
        6: (1.0, False),
        12: (2.0, False),
        18: (3.0, True),
    }
    assert set(recorder.evaluations) == {(6, "dev"), (12, "dev"), (18, "dev"), (18, "train")}
    dev = [row.step for row in recorder.rows if row.name == "dev_worst_cell"]
    assert dev == [6, 12, 18]
    assert set(result.evaluations) == {"train", "dev"}


def test_a_checkpoint_is_the_model_that_was_evaluated(whole):
    folder, result, _ = whole
    model, tokenizer = load_saved(folder / "checkpoints" / "step-00000018")
    assert labels_of(model) == ["long", "short"]
    frame = examples()
    dev = frame[frame["split"] == "dev"]
    again = evaluate(model, tokenizer, dev, max_length=CONFIG.max_length)
    pd.testing.assert_frame_equal(again.predictions, result.evaluations["dev"].predictions)
    assert list(again.predictions.columns) == ["id", "label", "confound", "predicted", "p_long", "p_short"]
    assert again.predictions["id"].tolist() == dev["id"].tolist()


def test_nothing_but_safetensors_json_and_text_is_written(whole):
    folder, _, _ = whole
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".safetensors", ".json"}
    assert not list(folder.rglob(".*"))


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(whole, tmp_path):
    folder, _, recorder = whole
    _, again = run(tmp_path / "same")
    assert again.values() == recorder.values()
    assert_same_weights(folder, tmp_path / "same")
    _, other = run(tmp_path / "other", config=CONFIG.model_copy(update={"seed": 8}))
    assert other.values() != recorder.values()


@pytest.mark.parametrize("at", [[1], [6], [7, 8], [17], [18], [3, 9, 12, 16]])
def test_a_stopped_run_goes_on_to_the_same_bits(whole, tmp_path, at):
    recorder = Memory()
    for step in at:
        recorder.stop_at = step
        result, _ = run(tmp_path, recorder)
        assert (result.status, result.steps) == ("stopped", step)
        disturb_random_numbers()
    recorder.stop_at = None
    assert run(tmp_path, recorder)[0].status == "done"
    assert_same_run(whole, tmp_path, recorder)


@pytest.mark.parametrize("at", [1, 5, 6, 7, 13, 18])
@pytest.mark.parametrize("state_seconds", [0.0, 1e9])
def test_a_killed_run_goes_on_to_the_same_bits(whole, tmp_path, at, state_seconds):
    """The recorder breaks off between a step's report and its state, so later steps are done and reported again."""
    recorder = Memory(die_at=at)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, recorder, state_seconds=state_seconds)
    disturb_random_numbers()
    recorder.die_at = None
    run(tmp_path, recorder, state_seconds=state_seconds)
    assert_same_run(whole, tmp_path, recorder)


@pytest.mark.parametrize("damage", ["cut tensors", "no json", "cut json", "other format", "temporary name"])
def test_a_half_written_state_is_skipped(whole, tmp_path, damage):
    recorder = Memory(stop_at=8)
    run(tmp_path, recorder)
    good = tmp_path / "resume" / "step-00000008-00000000-1"
    bad = good.with_name(".step-00000012-00000000-1.part" if damage == "temporary name" else "step-00000012-00000000-1")
    shutil.copytree(good, bad)
    if damage == "cut tensors":
        tensors = bad / "tensors.safetensors"
        tensors.write_bytes(tensors.read_bytes()[:-100])
    elif damage == "no json":
        (bad / "state.json").unlink()
    elif damage == "cut json":
        (bad / "state.json").write_text((bad / "state.json").read_text()[:50])
    elif damage == "other format":
        values = json.loads((bad / "state.json").read_text())
        (bad / "state.json").write_text(json.dumps({**values, "format": 99}))
    recorder.stop_at = None
    run(tmp_path, recorder)
    assert "Going on after step 8 of 18." in recorder.notes
    assert_same_run(whole, tmp_path, recorder)


def test_without_a_whole_state_the_run_starts_again(whole, tmp_path):
    recorder = Memory(stop_at=8)
    run(tmp_path, recorder)
    (tmp_path / "resume" / "step-00000008-00000000-1" / "tensors.safetensors").write_bytes(b"")
    recorder.stop_at = None
    run(tmp_path, recorder)
    assert_same_run(whole, tmp_path, recorder)


@pytest.mark.parametrize("change", ["settings", "data"])
def test_a_state_of_other_settings_or_data_is_refused(tmp_path, change):
    run(tmp_path, Memory(stop_at=2))
    config = CONFIG.model_copy(update={"label_lr": 1e-4}) if change == "settings" else CONFIG
    with pytest.raises(UserError, match="other settings or other data"):
        run(tmp_path, config=config, frame=examples(seed=1) if change == "data" else None)


def test_only_the_newest_state_is_kept_and_a_finished_run_can_drop_it(tmp_path):
    run(tmp_path, state_seconds=0.0)
    assert [path.name for path in (tmp_path / "resume").iterdir()] == ["step-00000018-00000000-1"]
    state.drop_state(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]


def test_a_run_that_learned_nothing_is_marked(tmp_path):
    result, recorder = run(tmp_path / "stuck", config=CONFIG.model_copy(update={"label_lr": 1e-12}))
    assert result.failed_to_fit
    assert any("has not learned" in note for note in recorder.notes)
    learner = CONFIG.model_copy(update={"label_lr": 1e-2, "label_epochs": 12})
    result, recorder = run(tmp_path / "learns", config=learner)
    assert not result.failed_to_fit
    assert not any("has not learned" in note for note in recorder.notes)


def test_what_cannot_be_trained_is_a_sentence(tmp_path):
    frame = examples()
    with pytest.raises(UserError, match="no training examples"):
        run(tmp_path, frame=frame[frame["split"] == "dev"])
    with pytest.raises(UserError, match="two or more different labels"):
        run(tmp_path, frame=frame[frame["label"] == "long"])
    with pytest.raises(UserError, match="use 128 or less"):
        run(tmp_path, config=CONFIG.model_copy(update={"max_length": 500}))


def test_a_model_predicts_the_same_in_any_company(whole):
    """Padding, order and batch mates do not matter, and the model's mode is left as it was."""
    folder, _, _ = whole
    model, tokenizer = load_saved(folder / "checkpoints" / "step-00000018")
    frame = examples()
    model.train()
    together = predict(model, tokenizer, frame, max_length=16).set_index("id")
    assert model.training
    shuffled = predict(model, tokenizer, frame.sample(frac=1, random_state=0), max_length=16).set_index("id")
    alone = pd.concat(predict(model, tokenizer, frame.iloc[[row]], max_length=16) for row in range(4)).set_index("id")
    for other in (shuffled, alone):
        gap = (together.loc[other.index, ["p_long", "p_short"]] - other[["p_long", "p_short"]]).abs().to_numpy()
        assert gap.max() < 1e-6


def test_minilm_learns(tmp_path):
    """The real encoder, offline: a short run on easy data ends well above chance."""
    config = TrainConfig(encoder="minilm", label_epochs=3, batch_size=16, max_length=24, checkpoints=1, label_lr=2e-4)
    result, recorder = run(tmp_path, config=config, frame=examples(64, dev=16))
    assert not result.failed_to_fit
    assert result.evaluations["train"].report["accuracy"] > 0.9
    model, _ = load_saved(recorder.folders[12][0])
    assert sum(p.numel() for p in model.parameters()) == 22_713_986


def disturb_random_numbers():
    torch.manual_seed(999)
    torch.rand(10)


def assert_same_weights(one, two):
    for step in ("step-00000006", "step-00000012", "step-00000018"):
        a, b = weights(one / "checkpoints" / step), weights(two / "checkpoints" / step)
        assert a.keys() == b.keys()
        for name in a:
            assert torch.equal(a[name], b[name]), f"{step}: {name} differs, so the run did not go on where it stopped"


def assert_same_run(whole, folder, recorder):
    """Weights of every checkpoint bit for bit; metrics in order, without gap or duplicate; the same evaluations."""
    first, _, reference = whole
    assert_same_weights(first, folder)
    assert recorder.values() == reference.values()
    assert {at: found[1:] for at, found in recorder.folders.items()} == {
        at: found[1:] for at, found in reference.folders.items()
    }
    assert recorder.evaluations.keys() == reference.evaluations.keys()
    for key, found in recorder.evaluations.items():
        pd.testing.assert_frame_equal(found.predictions, reference.evaluations[key].predictions)
