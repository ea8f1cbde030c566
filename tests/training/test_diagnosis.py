"""A diagnosis is exact: the stored matrix is the cosine of whole gradients, row for row, against a loop in float64."""

import numpy as np
import pandas as pd
import pytest
import torch

from core.encoders.loading import load_classifier
from core.errors import UserError
from core.influence.coverage import layer_name
from core.influence.memory import Meter, Prediction
from core.statistics.cid import layer_cid
from core.training.batching import encode
from core.training.diagnosis import diagnose
from core.training.diagnosis_config import DiagnosisConfig

LABELS = ["long", "short"]


def examples(n: int = 48) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    words = [
        "the",
        "old",
        "bank",
        "closed",
        "its",
        "doors",
        "in",
        "may",
        "after",
        "a",
        "quiet",
        "week",
        "near",
        "the",
        "river",
    ]
    rows = []
    for number in range(n):
        label, confound = LABELS[number % 2], ["no", "yes"][(number // 2) % 2]
        text = " ".join(rng.choice(words, size=int(rng.integers(3, 20))))
        second = "and then" if number % 5 == 0 else None
        split = "train" if number < n - 16 else "dev"
        rows.append((f"x{number}", text, second, label, confound, split))
    return pd.DataFrame(rows, columns=["id", "text", "text_b", "label", "confound", "split"])


def looped(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The whole gradient of one example's loss as one float64 vector [θ]."""
    parts = torch.autograd.grad(model(**batch).loss, list(model.parameters()))
    return torch.cat([part.flatten() for part in parts])


@pytest.mark.parametrize("source", ["train", "dev", "first"])
def test_the_matrix_equals_a_loop_over_single_examples(source: str) -> None:
    frame = examples()
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    found = diagnose(model, tokenizer, frame, DiagnosisConfig(probes=8, probe_source=source, seed=5), max_length=32)

    train = frame[frame["split"] == "train"].reset_index(drop=True)
    exact = model.double()
    encoded = [encode(part, tokenizer, LABELS, max_length=32) for part in (train, found.probes)]
    gradients = [torch.stack([looped(exact, one.batch(np.array([row]))) for row in range(len(one))]) for one in encoded]
    unit = [one / one.norm(dim=1, keepdim=True) for one in gradients]
    np.testing.assert_allclose(found.scores, (unit[0] @ unit[1].T).numpy(), atol=1e-5)

    assert (found.probe_row == -1).all() == (source == "dev")
    for probe, row in zip(found.probes["id"], found.probe_row, strict=True):
        if row >= 0:
            assert train["id"][row] == probe
    if source == "first":
        assert found.probes["id"].tolist() == train["id"].tolist()[:8]


def test_the_same_seed_gives_the_same_figures_and_progress_is_told() -> None:
    frame = examples()
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    told: list[float] = []
    config = DiagnosisConfig(probes=8, seed=5, draws=200)
    first = diagnose(model, tokenizer, frame, config, max_length=32, progress=lambda share, _text: told.append(share))
    second = diagnose(model, tokenizer, frame, config, max_length=32)
    assert first.report == second.report
    np.testing.assert_array_equal(first.scores, second.scores)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_held_out_probes_need_a_dev_split() -> None:
    frame = examples()
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    with pytest.raises(UserError, match="no dev split"):
        diagnose(model, tokenizer, frame[frame["split"] == "train"], DiagnosisConfig(probe_source="dev"), max_length=32)


@pytest.mark.parametrize("setting", [{"probes": 1}, {"estimator": "magic"}, {"probe_source": "moon"}, {"nonsense": 1}])
def test_a_bad_diagnosis_setting_is_named(setting: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(setting))):
        DiagnosisConfig.parse(setting)


@pytest.mark.parametrize("source", ["train", "dev"])
def test_the_layers_shares_add_up_to_cid_and_equal_a_loop(source: str) -> None:
    frame = examples()
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    found = diagnose(model, tokenizer, frame, DiagnosisConfig(probes=8, probe_source=source, seed=5), max_length=32)
    assert sum(one.cid for one in found.layers) == pytest.approx(found.report.cid, abs=1e-6)
    assert [one.layer for one in found.layers][:2] == ["embeddings", "block 0"]
    assert all(one.ci[0] <= one.cid <= one.ci[1] for one in found.layers)

    train = frame[frame["split"] == "train"].reset_index(drop=True)
    exact = model.double()
    names = [name for name, _ in exact.named_parameters()]
    owner = np.array([layer_name(exact, name) for name in names])

    def by_layer(part: pd.DataFrame) -> list[dict[str, torch.Tensor]]:
        encoded = encode(part, tokenizer, LABELS, max_length=32)
        rows = []
        for row in range(len(encoded)):
            grads = torch.autograd.grad(exact(**encoded.batch(np.array([row]))).loss, list(exact.parameters()))
            rows.append(
                {
                    one: torch.cat([grad.flatten() for grad, its in zip(grads, owner, strict=True) if its == one])
                    for one in dict.fromkeys(owner)
                }
            )
        return rows

    wanted, own = by_layer(train), by_layer(found.probes)
    for layer in found.layers:
        shares, within = np.zeros((len(train), 8)), np.zeros((len(train), 8))
        for n, example in enumerate(wanted):
            for p, probe in enumerate(own):
                dot = float(example[layer.module] @ probe[layer.module])
                norms = [sum(float(part @ part) for part in whole.values()) for whole in (example, probe)]
                shares[n, p] = dot / np.sqrt(norms[0] * norms[1])
                inside = float(example[layer.module].norm() * probe[layer.module].norm())
                within[n, p] = dot / inside if inside else 0.0
        for scores, mean in ((shares, layer.cid), (within, layer.within)):
            cids = layer_cid(
                scores[None],
                train["label"],
                train["confound"],
                found.probes["label"],
                found.probes["confound"],
                found.probe_row,
            )
            assert mean == pytest.approx(np.nanmean(cids), abs=2e-5)


def test_embedding_influence_has_no_layers() -> None:
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    config = DiagnosisConfig(probes=8, estimator="embedding")
    assert diagnose(model, tokenizer, examples(), config, max_length=32).layers == ()


def test_several_passes_over_the_probes_give_the_same_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    config = DiagnosisConfig(probes=8, seed=5, draws=200)
    once = diagnose(model, tokenizer, examples(), config, max_length=32)
    monkeypatch.setattr(Meter, "plan", lambda self, probes: Prediction(0, 0, 3, 4))
    monkeypatch.setattr(Meter, "examples", lambda self, batch: 4)
    thrice = diagnose(model, tokenizer, examples(), config, max_length=32)
    for one, other in zip(once.layers, thrice.layers, strict=True):
        assert (one.cid, one.within) == pytest.approx((other.cid, other.within), abs=1e-6)
