"""A diagnosis is exact: the stored matrix is the cosine of whole gradients, row for row, against a loop in float64."""

import numpy as np
import pandas as pd
import pytest
import torch

from core.encoders.loading import load_classifier
from core.errors import UserError
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
