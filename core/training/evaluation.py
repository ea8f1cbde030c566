"""What a model predicts, and how good that is cell by cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from core.encoders.loading import labels_of
from core.statistics.accuracy import accuracy_report
from core.statistics.collapse import has_learned
from core.training.batching import Encoded, Rows, by_length, encode
from core.training.ranks import Ranks

Floats = NDArray[np.float64]

BATCH = 64


@dataclass(frozen=True)
class Evaluation:
    """A split's report (see `accuracy_report`) and the prediction for every example of it."""

    report: dict[str, Any]
    predictions: pd.DataFrame


def predict(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    frame: pd.DataFrame,
    *,
    max_length: int,
    ranks: Ranks | None = None,
) -> pd.DataFrame:
    """The model's prediction for every example, in the frame's order.

    Returns id, label, confound, predicted and one probability column `p_<label>` per label.

    Raises:
        UserError: an empty frame, or a label that the model does not know.
    """
    labels = labels_of(model)
    encoded = encode(frame, tokenizer, labels, max_length=max_length)
    probabilities = class_probabilities(model, encoded, ranks or Ranks())  # [N, C]
    found = frame[["id", "label", "confound"]].reset_index(drop=True)
    found["predicted"] = np.array(labels, dtype=object)[probabilities.argmax(axis=1)]
    for column, label in enumerate(labels):
        found[f"p_{label}"] = probabilities[:, column]
    return found


def evaluate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    frame: pd.DataFrame,
    *,
    max_length: int,
    aligned: Mapping[str, str] | None = None,
    ranks: Ranks | None = None,
) -> Evaluation:
    """Predict a frame and report accuracy by cell, with intervals and the confound-only floor.

    aligned: which label each confound value goes with in training (`aligned_labels`), for the majority–minority gap.
    ranks: those that share the examples.
    """
    labels = labels_of(model)
    found = predict(model, tokenizer, frame, max_length=max_length, ranks=ranks)
    report = accuracy_report(
        found["label"].to_numpy(),
        found["confound"].to_numpy(),
        found["predicted"].to_numpy(),
        found[[f"p_{label}" for label in labels]].to_numpy(),
        labels,
        aligned=aligned,
    )
    return Evaluation(report=report, predictions=found)


def class_probabilities(model: PreTrainedModel, encoded: Encoded, ranks: Ranks) -> Floats:
    """Softmax of the logits in float64, [N, C]; without dropout, in float32, in the examples' own order.

    The model is left in the mode (train or eval) in which it came.
    """
    device = next(model.parameters()).device

    def logits_of(parts: Sequence[Rows]) -> Floats:
        found = []
        for rows in parts:
            batch = encoded.batch(rows, device)
            del batch["labels"]
            found.append(model(**batch).logits.double().cpu().numpy())  # [B, C]
        return np.concatenate(found)

    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            logits = ranks.rows(list(by_length(encoded.lengths, BATCH)), logits_of)  # [N, C]
    finally:
        model.train(was_training)
    return torch.softmax(torch.from_numpy(logits), dim=1).numpy()


def failed_to_fit(evaluation: Evaluation) -> bool:
    """Whether a model has not learned even its training set: its accuracy there is about that of the largest label."""
    shares = evaluation.predictions["label"].value_counts(normalize=True)
    report = evaluation.report
    return not has_learned(report["accuracy"], report["n"], float(shares.max()))
