"""Measuring a model: the influence of every training example on a set of probes, and CID from it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from core.encoders.loading import labels_of
from core.errors import UserError
from core.statistics.cid import CidReport, cid_report
from core.statistics.sampling import Preset, ProbeChoice, choose_probes
from core.training.batching import Rows, encode
from core.training.diagnosis_config import DiagnosisConfig
from core.training.ranks import Ranks
from core.training.scoring import scores_of

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Diagnosed:
    """What was measured.

    scores: influence of training row n on probe p, float32 [N, P]; probes: id, text, label and confound of each, in
    the order of the columns; probe_row: the probe's training row, or −1 where it is held out, [P].
    """

    scores: NDArray[np.float32]
    probes: pd.DataFrame
    probe_row: Rows
    choice: ProbeChoice
    report: CidReport
    seconds: float


def diagnose(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    frame: pd.DataFrame,
    config: DiagnosisConfig,
    *,
    max_length: int,
    progress: Progress | None = None,
    ranks: Ranks | None = None,
) -> Diagnosed:
    """Score all N training examples on P probes and reduce the matrix to CID.

    Args:
        frame: canonical examples of every split; the training split is scored, probes come from where `config` says.
        max_length: tokens of one example, as the model was trained.
        progress: called with (share of the training set scored, a line of text).
        ranks: those that share the training examples; all but the first call `influence` with the same arguments.

    Raises:
        UserError: no example can serve as a probe, or the influence of one is undefined.
    """
    began = time.perf_counter()
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    scores, choice, probes = influence(
        model, tokenizer, frame, config, max_length=max_length, progress=progress, ranks=ranks
    )
    report = cid_report(
        scores,
        train["label"],
        train["confound"],
        probes["label"],
        probes["confound"],
        choice.probe_row,
        seed=config.seed,
        draws=config.draws,
        bootstrap=config.draws,
    )
    return Diagnosed(
        scores=scores,
        probes=probes[["id", "text", "text_b", "label", "confound"]],
        probe_row=choice.probe_row,
        choice=choice,
        report=report,
        seconds=time.perf_counter() - began,
    )


def _probes(frame: pd.DataFrame, train: pd.DataFrame, config: DiagnosisConfig) -> tuple[ProbeChoice, pd.DataFrame]:
    if config.probe_source != "dev":
        preset: Preset = "paper" if config.probe_source == "first" else "cells"
        choice = choose_probes(train["label"], train["confound"], seed=config.seed, probes=config.probes, preset=preset)
        return choice, train
    held_out = frame[frame["split"] == "dev"].reset_index(drop=True)
    if held_out.empty:
        raise UserError("The data set has no dev split to take probes from. Take them from the training split.")
    columns = (held_out["label"], held_out["confound"])
    choice = choose_probes(train["label"], train["confound"], seed=config.seed, probes=config.probes, held_out=columns)
    return choice, held_out


def influence(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    frame: pd.DataFrame,
    config: DiagnosisConfig,
    *,
    max_length: int,
    progress: Progress | None = None,
    ranks: Ranks | None = None,
) -> tuple[NDArray[np.float32], ProbeChoice, pd.DataFrame]:
    """Influence [N, P] of the training examples on the probes, and the probes. Arguments and errors as of `diagnose`."""
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    choice, source = _probes(frame, train, config)
    probes = source.iloc[choice.rows].reset_index(drop=True)
    encoded, chosen = (encode(one, tokenizer, labels_of(model), max_length=max_length) for one in (train, probes))

    def tell(done: int, total: int | None) -> None:
        if progress is not None and total:
            progress(done / total, f"influence of {len(encoded):,} training examples on {len(chosen)} probes")

    rows, probe_rows = np.arange(len(encoded)), np.arange(len(chosen))
    scores = scores_of(
        model, encoded, rows, chosen, probe_rows, ranks or Ranks(), estimator=config.estimator, progress=tell
    )
    return scores.astype(np.float32), choice, probes
