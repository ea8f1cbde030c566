"""What is said of one text is what an evaluation and a diagnosis would say of it."""

import numpy as np

from core.encoders.loading import load_classifier
from core.training.diagnosis import diagnose
from core.training.diagnosis_config import DiagnosisConfig
from core.training.evaluation import predict
from core.training.trying import decide, pulls
from tests.training.examples import examples

LABELS = ["long", "short"]


def test_the_decision_is_that_of_an_evaluation() -> None:
    frame = examples()
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    part = frame.tail(8)
    found = decide(model, tokenizer, [(text, None) for text in part["text"]], 32)
    expected = predict(model, tokenizer, part, max_length=32)
    np.testing.assert_allclose(found.probabilities, expected[["p_long", "p_short"]].to_numpy(), atol=1e-6)
    assert found.read == found.tokens


def test_a_text_of_fifty_thousand_characters_is_read_as_far_as_the_model_reads() -> None:
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    found = decide(model, tokenizer, [("word " * 10_000, None), ("<script>x</script> هذا 👩‍👩‍👧", "second")], 16)
    assert found.read == [16, 16] or found.read[0] == 16
    assert found.tokens[0] > 9_000
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_influence_on_a_probes_text_is_the_probes_column_of_the_diagnosis() -> None:
    frame = examples()
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    whole = diagnose(model, tokenizer, frame, DiagnosisConfig(probes=4, seed=5, draws=200), max_length=32)
    for column, probe in enumerate(whole.probes.itertuples()):
        rows = np.arange(len(train))
        told: list[int] = []
        found = pulls(
            model,
            tokenizer,
            (str(probe.text), None),
            str(probe.label),
            train,
            rows,
            max_length=32,
            progress=lambda done, total, told=told: told.append(done),
        )
        np.testing.assert_allclose(found, whole.scores[:, column], atol=1e-5)
        assert told[-1] == len(train)
    some = np.array([3, 30, 7])
    part = pulls(model, tokenizer, (str(probe.text), None), str(probe.label), train, some, max_length=32)
    np.testing.assert_allclose(part, whole.scores[some, column], atol=1e-5)


def test_the_other_of_two_labels_turns_every_sign() -> None:
    frame = examples()
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    one, other = (
        pulls(model, tokenizer, ("new the city", None), y, train, np.arange(9), max_length=32) for y in LABELS
    )
    np.testing.assert_allclose(one, -other, atol=1e-5)
