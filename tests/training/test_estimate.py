"""The prediction counts work as it is done, and the machine's speed is recovered from its times."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from core.encoders.catalogue import Shape, resolve
from core.encoders.loading import load_classifier
from core.training import calibration
from core.training.calibration import measure_speed
from core.training.config import TrainConfig
from core.training.effort import AT_ONCE, effort, known_in_cells, rounds_in
from core.training.estimate import Speed, estimate, forward_work, step_work, token_lengths
from core.training.rounds import RoundSchedule
from core.training.tuples import draw, known_examples

SHAPE = Shape(layers=2, hidden=64, intermediate=256, vocabulary=1000, positions=64)
SPEED = Speed("made up", flop=1e-11, element=1e-9, call=1e-4, parameter=1e-9, micro_batch=16)


def test_operations_agree_with_torchs_own_count():
    model, _ = load_classifier("tiny", labels=["a", "b"], seed=0)
    batch = {"input_ids": torch.ones(4, 16, dtype=torch.long), "attention_mask": torch.ones(4, 16, dtype=torch.long)}
    with FlopCounterMode(display=False) as counter:
        model(**batch).logits.sum().backward()
    counted = step_work(resolve("tiny").shape, np.full(4, 16), 4).flops
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.05)


def test_scoring_is_a_third_of_a_step_without_its_update():
    lengths = np.full(64, 20)
    step, forward = step_work(SHAPE, lengths, 64), forward_work(SHAPE, lengths)
    assert forward.flops == pytest.approx(step.flops / 3)
    assert forward.parameters == pytest.approx(0)


def test_sorted_micro_batches_cost_less_than_one_padded_batch():
    lengths = np.array([5] * 32 + [50] * 32)
    assert step_work(SHAPE, lengths, 16).flops < 0.6 * step_work(SHAPE, lengths, 64).flops


def test_a_prediction_grows_with_epochs_and_names_steps():
    lengths = {"train": np.full(100, 20), "dev": np.full(50, 20)}
    short = estimate(TrainConfig(label_epochs=2, batch_size=10), SHAPE, lengths, SPEED)
    long = estimate(TrainConfig(label_epochs=20, batch_size=10), SHAPE, lengths, SPEED)
    assert (short.steps, long.steps) == (20, 200)
    assert short.low < short.seconds < short.high
    assert short.seconds < long.seconds
    assert short.memory_bytes == long.memory_bytes > 16 * SHAPE.parameters


def test_speed_keeps_as_json():
    assert Speed.from_dict(SPEED.to_dict()) == SPEED


def test_the_fit_recovers_a_machine_that_follows_the_model(monkeypatch):
    def seconds(config, shape, b, t):
        return SPEED.seconds(step_work(shape, np.full(b, t), b))

    monkeypatch.setattr(calibration, "_seconds_per_step", seconds)
    found = measure_speed(TrainConfig())
    for cost in ("flop", "element", "call", "parameter"):
        assert getattr(found, cost) == pytest.approx(getattr(SPEED, cost), rel=1e-4)


def test_a_measured_machine_has_a_speed():
    found = measure_speed(TrainConfig(device="cpu"))
    assert found.flop + found.element > 0
    assert found.seconds(step_work(SHAPE, np.full(8, 8), 8)) > 0


def test_token_counts_are_near_the_tokenizers_and_are_cut():
    texts = ["The committee met in the new town hall on Tuesday, and nobody objected.", "Short one."] * 5
    _, tokenizer = load_classifier("minilm", labels=["a", "b"], seed=0)
    real = [len(tokenizer(text).input_ids) for text in texts]
    assert token_lengths(texts, 64).mean() == pytest.approx(np.mean(real), rel=0.2)
    assert token_lengths(["word " * 500], 64).tolist() == [64]


# --- tuning and the CID curve ---

EVEN = [{"label": label, "confound": confound, "n": 25} for label in "ab" for confound in "xy"]
LENGTHS = {"train": np.full(100, 20), "dev": np.full(50, 20)}
TUNING = {
    "batch_size": 10,
    "label_epochs": 10,
    "interval": 20,
    "probes_per_epoch": 30,
    "round_batch": 8,
    "round_epochs": 3,
}


def cells_of(label, confound):
    """Sizes as a profile has them, empty cells too."""
    return [
        {"label": y, "confound": c, "n": int(((label == y) & (confound == c)).sum())}
        for y in np.unique(label)
        for c in np.unique(confound)
    ]


@pytest.mark.parametrize("seed", range(40))
def test_what_is_known_is_counted_as_it_is_chosen(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 120))
    label, confound = rng.integers(0, 3, n), rng.integers(0, 3, n) ** 2 // 2  # uneven cells, some empty
    config = TrainConfig(
        method="influence-tuning",
        access_rate=float(rng.choice([0.05, 0.2, 0.5, 1.0])),
        keep_counterexamples=int(rng.integers(0, 3)),
        k=int(rng.integers(1, 6)),
        seed=seed,
    )
    chosen = known_examples(config.model_copy(update={"method": "finetune"}), label, confound)
    counted = known_in_cells(config, cells_of(label, confound))
    assert (counted.n, counted.known, counted.counterexamples, counted.probes) == (
        n,
        int(chosen.known.sum()),
        chosen.counterexamples,
        len(chosen.probes),
    )
    if counted.probes:  # as many tuples as there are probes: every one of them
        sizes = [len(group.rows) for group in draw(config, chosen, label, confound, n, (0,))]
        assert counted.tuple_size == pytest.approx(np.mean(sizes))


@pytest.mark.parametrize("interval", [1, 3, 20, 50])
@pytest.mark.parametrize("schedule", ["rounds", "joint", "once"])
@pytest.mark.parametrize("method", ["finetune", "embedding-tuning"])
def test_rounds_are_counted_as_they_come(interval, schedule, method):
    config = TrainConfig(method=method, schedule=schedule, interval=interval)
    for steps in (0, 1, 49, 75, 100, 240):
        assert rounds_in(config, steps) == len(RoundSchedule(config, steps, 10).after)


def test_a_run_is_counted_in_examples_of_label_steps():
    config = TrainConfig(method="influence-tuning", diagnose_every=30, diagnose_rows=10, diagnose_probes=8, **TUNING)
    found = effort(config, EVEN)
    assert (found.steps, found.rounds, found.epochs) == (100, 4, 3)
    assert found.label == 10 * 100
    assert found.tuning == pytest.approx(4 * 3 * 30 * 11 * 2.7)
    assert found.points == 5 + 4 * 4  # steps 0, 30, 60, 90 and 100; before each round and after each of its epochs
    assert found.curve == pytest.approx(found.points * (40 * 1.3 + 8))
    assert found.at_once == 8 * 11
    embedding = effort(config.model_copy(update={"method": "embedding-tuning"}), EVEN)
    combined = effort(config.model_copy(update={"method": "combined-tuning"}), EVEN)
    assert combined.tuning == pytest.approx(found.tuning + embedding.tuning)


def test_joint_tuning_draws_tuples_in_every_label_step():
    found = effort(TrainConfig(method="embedding-tuning", schedule="joint", joint_probes=4, **TUNING), EVEN)
    assert (found.rounds, found.points) == (0, 0)
    assert found.tuning == pytest.approx(100 * 4 * 11)
    assert found.at_once == 4 * 11


def test_a_round_by_hand_is_one_round_with_its_curve():
    config = TrainConfig(method="influence-tuning", schedule="once", label_steps=0, **TUNING)
    found = effort(config, EVEN)
    assert (found.steps, found.rounds, found.label) == (0, 1, 0)
    assert found.points == 1 + 4
    assert estimate(config, SHAPE, LENGTHS, SPEED, EVEN).steps == 0


def test_methods_without_tuples_cost_as_finetuning_does():
    plain = effort(TrainConfig(batch_size=10), EVEN)
    assert effort(TrainConfig(batch_size=10, method="adversarial"), EVEN) == plain
    assert plain.total == plain.label == 1000


def test_a_prediction_takes_tuning_and_the_curve_for_so_many_label_steps():
    config = TrainConfig(method="influence-tuning", diagnose_every=30, **TUNING)
    plain = TrainConfig(**TUNING)
    spared = [estimate(one, SHAPE, LENGTHS, SPEED, EVEN).seconds for one in (config, plain)]
    more = effort(config, EVEN).total - effort(plain, EVEN).total
    longer = plain.model_copy(update={"label_steps": 200})  # 1,000 examples more
    per_example = (estimate(longer, SHAPE, LENGTHS, SPEED, EVEN).seconds - spared[1]) / 1000
    assert spared[0] - spared[1] == pytest.approx(more * per_example)


def test_tuning_needs_the_memory_of_its_graph(monkeypatch):
    """Peaks of MiniLM on a CPU were measured with 88 and 704 examples at once; the moments come on top."""
    monkeypatch.setitem(AT_ONCE, ("embedding", "cpu"), 704)
    minilm = resolve("minilm").shape
    lengths = {"train": np.full(1500, 40)}
    needs = {
        method: estimate(TrainConfig(method=method, device="cpu"), minilm, lengths, SPEED).memory_bytes
        for method in ("finetune", "influence-tuning", "embedding-tuning")
    }
    assert needs["finetune"] < 1.5e9
    assert needs["influence-tuning"] == pytest.approx(3.4e9, rel=0.15)  # 3.1 GB without the moments
    assert needs["embedding-tuning"] == pytest.approx(6.9e9, rel=0.15)  # 6.6 GB without them
    curve = TrainConfig(diagnose_every=50, device="cpu")
    assert estimate(curve, minilm, lengths, SPEED).memory_bytes == pytest.approx(3.3e9, rel=0.15)


def test_a_small_tuning_step_needs_little():
    lengths = {"train": np.full(100, 20)}
    small, large = (
        estimate(TrainConfig(method="influence-tuning", round_batch=batch), SHAPE, lengths, SPEED).memory_bytes
        for batch in (1, 64)
    )
    assert small < large
