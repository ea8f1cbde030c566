"""Rounds within a run: when they come, what they reach, and that an interruption inside one leaves no trace."""

from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.errors import UserError
from core.training.config import TrainConfig
from core.training.rounds import RoundSchedule
from core.training.trainer import train
from tests.training.examples import Memory, examples

CONFIG = TrainConfig(
    method="influence-tuning",
    encoder="tiny",
    label_epochs=2,
    batch_size=8,
    max_length=16,
    checkpoints=2,
    seed=7,
    interval=4,
    round_epochs=2,
    round_batch=4,
    probes_per_epoch=6,
    k=2,
    diagnose_every=3,
    diagnose_probes=8,
)


def run(folder, recorder=None, *, config=CONFIG, **options):
    recorder = recorder or Memory()
    return train(config, examples(), folder, recorder, **options), recorder


def weights(folder, step):
    return load_file(folder / "checkpoints" / f"step-{step:08d}" / "model.safetensors")


def report(one):
    """What of a round's report does not depend on the clock."""
    return (one.number, one.step, one.first, one.last, one.kind, one.probes, one.loss, one.difference, one.cid)


METHODS = ["influence-tuning", "embedding-tuning", "combined-tuning"]
"""The last one's rounds are of both kinds, and pass through every state that the others' do."""


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    """Runs that nothing interrupts, each made when it is first asked for."""

    @cache
    def make(method):
        folder = tmp_path_factory.mktemp("whole")
        config = CONFIG.model_copy(update={"method": method})
        result, recorder = run(folder, config=config)
        return config, folder, result, recorder

    return make


@pytest.fixture(params=METHODS)
def whole(request, wholes):
    return wholes(request.param)


@pytest.mark.parametrize(
    ("total", "interval", "after"),
    [
        (240, 50, [50, 100, 150, 200]),
        (225, 50, [50, 100, 150, 200]),
        (224, 50, [50, 100, 150]),
        (50, 50, []),
        (10, 4, [4, 8]),
    ],
)
def test_a_round_follows_every_interval_unless_few_steps_would_be_left(total, interval, after):
    config = CONFIG.model_copy(update={"interval": interval})
    assert RoundSchedule(config, total, 99).after == after
    assert RoundSchedule(config.model_copy(update={"method": "finetune"}), total, 99).after == []
    assert RoundSchedule(config.model_copy(update={"schedule": "joint"}), total, 99).after == []
    assert RoundSchedule(config.model_copy(update={"schedule": "once"}), total, 99).after == [0]


def test_fewer_probes_than_wanted_make_fewer_tuning_steps():
    assert RoundSchedule(CONFIG, 18, 99).per_round == 4
    assert RoundSchedule(CONFIG, 18, 3).per_round == 2


def test_every_round_is_reported_once_with_cid_before_inside_and_after(whole):
    config, _, result, recorder = whole
    assert result.status == "done"
    assert [(one.number, one.step, one.first, one.last) for one in recorder.rounds] == [
        (1, 4, 1, 4),
        (2, 8, 5, 8),
    ]
    for one in recorder.rounds:
        assert one.kind == {"combined-tuning": "influence+embedding"}.get(config.method, config.method.split("-")[0])
        assert (len(one.loss), len(one.difference), len(one.cid)) == (2, 2, 3)
        assert all(cid is not None for cid in one.cid)
        assert one.seconds > 0
    assert [row.step for row in recorder.rows if row.name == "round_loss"] == list(range(1, 9))
    assert [row.step for row in recorder.rows if row.name == "cid"] == [0, 3, 6, 9, 12]
    inside = {row.step: row.value for row in recorder.rows if row.name == "round_cid"}
    assert sorted(inside) == [0, 2, 4, 6, 8]
    assert inside[8] == recorder.rounds[1].cid[-1]


def test_the_same_seed_gives_the_same_numbers(whole, tmp_path):
    config, folder, _, recorder = whole
    _, again = run(tmp_path, config=config)
    assert again.values() == recorder.values()
    assert list(map(report, again.rounds)) == list(map(report, recorder.rounds))
    for name, tensor in weights(folder, 12).items():
        assert torch.equal(tensor, weights(tmp_path, 12)[name]), name


@pytest.mark.parametrize(
    ("whole", "at"),
    [
        *(("combined-tuning", at) for at in ([1], [5], [7, 10], [9], [4, 11, 15, 18], [20])),
        *((method, at) for method in METHODS[:2] for at in ([7, 10], [4, 11, 15, 18])),
    ],
    indirect=["whole"],
)
def test_a_run_stopped_inside_a_round_goes_on_to_the_same_bits(whole, tmp_path, at):
    config, folder, _, reference = whole
    recorder = Memory()
    for moment in at:  # the recorder is asked once a label step and once a tuning step: 12 + 8 times
        recorder.stop_at = moment
        result, _ = run(tmp_path, recorder, config=config)
        assert result.status == "stopped"
        torch.manual_seed(999)
    recorder.stop_at = None
    run(tmp_path, recorder, config=config)
    assert_same(folder, tmp_path, reference, recorder)


@pytest.mark.parametrize("state_seconds", [0.0, 1e9])
@pytest.mark.parametrize(
    ("whole", "at"),
    [
        *(("combined-tuning", at) for at in (1, 4, 5, 8, 9, 15, 20)),
        *((method, at) for method in METHODS[:2] for at in (5, 8, 15)),
    ],
    indirect=["whole"],
)
def test_a_run_killed_inside_a_round_goes_on_to_the_same_bits(whole, tmp_path, at, state_seconds):
    config, folder, _, reference = whole
    recorder = Memory(die_at=at)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, recorder, config=config, state_seconds=state_seconds)
    torch.manual_seed(999)
    recorder.die_at = None
    run(tmp_path, recorder, config=config, state_seconds=state_seconds)
    assert_same(folder, tmp_path, reference, recorder)


def assert_same(one, two, reference, recorder):
    for step in (6, 12):
        for name, tensor in weights(one, step).items():
            assert torch.equal(tensor, weights(two, step)[name]), f"step {step}: {name} differs"
    assert recorder.values() == reference.values()
    assert list(map(report, recorder.rounds)) == list(map(report, reference.rounds))


def test_moments_start_anew_after_a_round(tmp_path, monkeypatch):
    seen = []
    from core.training import trainer

    class Watched(trainer.LabelSteps):
        def step(self, data, rows, lr, number=1):
            found = super().step(data, rows, lr, number)
            first = next(iter(self.named_parameters().values()))
            seen.append(int(self.optimizer.state[first]["step"]))
            return found

    monkeypatch.setattr(trainer, "LabelSteps", Watched)
    run(tmp_path)
    assert seen == [1, 2, 3, 4] * 3


@pytest.mark.parametrize(
    ("method", "taught", "least"), [("influence-tuning", 54, 0.02), ("embedding-tuning", 48, 0.001)]
)
def test_a_round_drives_the_difference_to_near_zero(tmp_path, method, taught, least):
    """A tiny model at a moment of its training when it leans on the confound, then one long round by hand."""
    lesson = {"method": "finetune", "label_epochs": 12, "label_lr": 1e-3, "checkpoints": 12, "diagnose_every": 0}
    _, teacher = run(tmp_path / "taught", config=CONFIG.model_copy(update=lesson))
    treat = {
        "method": method,
        "schedule": "once",
        "label_steps": 0,
        "round_epochs": 40,
        "round_lr": 1e-3,
        "probes_per_epoch": 16,
        "round_batch": 16,
        "checkpoints": 1,
    }
    config = CONFIG.model_copy(update=treat)
    _, recorder = run(tmp_path / method, config=config, start=teacher.folders[taught][0])
    (one,) = recorder.rounds
    assert one.loss[0] > least
    assert np.mean(one.loss[-5:]) < 0.02 * one.loss[0]
    assert abs(np.mean(one.difference[-5:])) < 0.1 * abs(one.difference[0])
    if method == "influence-tuning":  # CID is of gradients, so the embedding term need not bring it to zero
        assert abs(one.cid[-1]) < 0.1 * abs(one.cid[0])
    assert recorder.folders[0][2]  # the model after the round, at label step 0, is the final one


def test_label_steps_may_follow_a_round_by_hand(tmp_path):
    config = CONFIG.model_copy(update={"schedule": "once", "label_steps": 4, "checkpoints": 2})
    result, recorder = run(tmp_path, config=config)
    assert (result.status, result.steps) == ("done", 4)
    assert [one.step for one in recorder.rounds] == [0]
    assert sorted(recorder.folders) == [2, 4]
    assert [row.step for row in recorder.rows if row.name == "label_loss"] == [1, 2, 3, 4]


def test_only_the_named_layers_change_in_a_round(tmp_path):
    config = CONFIG.model_copy(update={"schedule": "once", "label_steps": 0, "round_layers": "0"})
    _, recorder = run(tmp_path / "tuned", config=config)
    whole = len([row for row in recorder.rows if row.name == "round_loss"])
    told = [(step, total) for step, total, message in recorder.said if message.startswith("Round 1")]
    assert told == [(step, whole) for step in range(1, whole + 1)]  # of a run that is a round alone
    after = load_file(recorder.folders[0][0] / "model.safetensors")
    plain = config.model_copy(update={"method": "finetune"})
    _, recorder = run(tmp_path / "plain", config=plain)
    before = load_file(recorder.folders[0][0] / "model.safetensors")
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed
    assert all(name.startswith("bert.encoder.layer.0.") for name in changed)


def test_joint_adds_the_tuning_loss_to_every_label_step(tmp_path):
    config = CONFIG.model_copy(update={"schedule": "joint", "joint_weight": 5.0, "joint_probes": 3})
    _, recorder = run(tmp_path / "joint", config=config)
    assert [row.step for row in recorder.rows if row.name == "joint_loss"] == list(range(1, 13))
    assert not recorder.rounds
    run(tmp_path / "plain", config=config.model_copy(update={"method": "finetune"}))
    one, two = weights(tmp_path / "joint", 12), weights(tmp_path / "plain", 12)
    assert any(not torch.equal(one[name], two[name]) for name in one)


def test_no_counterexample_at_all_is_an_error_before_training(tmp_path):
    frame = examples(aligned=1.0)
    with pytest.raises(UserError, match="can serve as a probe"):
        train(CONFIG, frame, tmp_path, Memory())
    assert not list(tmp_path.iterdir())


def test_what_is_known_is_said(tmp_path):
    _, recorder = run(tmp_path, config=CONFIG.model_copy(update={"access_rate": 0.5}))
    assert recorder.notes[0].startswith(
        "The confound is known for 24 of 48 training examples, 2 of them counterexamples"
    )
