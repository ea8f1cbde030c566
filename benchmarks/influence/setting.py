"""The model and the texts that every tool is given."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from benchmarks.influence.cases import Case
from core.encoders.loading import load_classifier
from core.influence.memory import MOST_EXAMPLES
from core.training.batching import Batch, Encoded, by_length, encode

LABELS = ["long", "short"]


@dataclass(frozen=True)
class Setting:
    """A classifier with a fresh head, and tokenised training examples and probes."""

    model: PreTrainedModel
    train: Encoded
    probes: Encoded

    @property
    def device(self) -> torch.device:
        return self.model.device

    def batches(self, encoded: Encoded) -> tuple[list[Batch], np.ndarray]:
        """Batches of like length, as the diagnosis makes them, and the row that each example of them was."""
        order = list(by_length(encoded.lengths, MOST_EXAMPLES[self.device.type]))
        return [encoded.batch(rows, self.device) for rows in order], np.concatenate(order)


def make(case: Case, data: Path, device: str) -> Setting:
    """Build a case's setting from `textlen_train.csv`."""
    model, tokenizer = _model(case.encoder)
    rows = pd.read_csv(data / "textlen_train.csv").sample(frac=1.0, random_state=0, ignore_index=True)
    train = _encoded(_texts(rows, case.examples, case.tokens), tokenizer, case.tokens)
    probes = _encoded(_texts(rows.iloc[::-1].reset_index(drop=True), case.probes, case.tokens), tokenizer, case.tokens)
    return Setting(model.to(device).eval(), train, probes)


def _model(encoder: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model, tokenizer = load_classifier("minilm", labels=LABELS, seed=0)
    if encoder == "bert-base-shape":
        torch.manual_seed(0)
        model = BertForSequenceClassification(BertConfig(attn_implementation="eager"))
    return model, tokenizer


def _texts(rows: pd.DataFrame, count: int, tokens: int | None) -> pd.DataFrame:
    """As many rows as asked for, from the start again when they run out; long enough for `tokens` if given."""
    picked = rows.iloc[np.arange(count) % len(rows)].reset_index(drop=True)
    if tokens is not None:
        others = rows["text"].tolist()
        longer = [
            " ".join([text, *(others[(i + k) % len(others)] for k in range(tokens // 6))])
            for i, text in enumerate(picked["text"])
        ]
        picked = picked.assign(text=longer)
    return picked.assign(text_b=None)


def _encoded(rows: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, tokens: int | None) -> Encoded:
    return encode(rows, tokenizer, LABELS, max_length=tokens or 64)
