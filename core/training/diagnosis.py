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
from core.statistics.layers import LayerCid, cells_of, cids_from_sums, layer_cids
from core.statistics.sampling import Preset, ProbeChoice, choose_probes
from core.training.batching import Rows, encode
from core.training.diagnosis_config import DiagnosisConfig
from core.training.ranks import Ranks
from core.training.scoring import Grouping, LayerTotals, scores_by_layer, scores_of

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Diagnosed:
    """What was measured.

    scores: influence of training row n on probe p, float32 [N, P]; probes: id, text, label and confound of each, in
    the order of the columns; probe_row: the probe's training row, or −1 where it is held out, [P]. layers: CID by layer,
    empty for an estimator that has none.
    """

    scores: NDArray[np.float32]
    probes: pd.DataFrame
    probe_row: Rows
    choice: ProbeChoice
    report: CidReport
    layers: tuple[LayerCid, ...]
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
    scores, choice, probes, totals = influence(
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
        layers=() if totals is None else _layers(totals, train, probes, choice, config),
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
) -> tuple[NDArray[np.float32], ProbeChoice, pd.DataFrame, LayerTotals | None]:
    """Influence [N, P] of the training examples on the probes, the probes, and the layers' sums over cells (None for an
    estimator without layers). Arguments and errors as of `diagnose`.
    """
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    choice, source = _probes(frame, train, config)
    probes = source.iloc[choice.rows].reset_index(drop=True)
    encoded, chosen = (encode(one, tokenizer, labels_of(model), max_length=max_length) for one in (train, probes))

    def tell(done: int, total: int | None) -> None:
        if progress is not None and total:
            progress(done / total, f"influence of {len(encoded):,} training examples on {len(chosen)} probes")

    rows, probe_rows = np.arange(len(encoded)), np.arange(len(chosen))
    if config.estimator != "cosine":
        scores = scores_of(
            model, encoded, rows, chosen, probe_rows, ranks or Ranks(), estimator=config.estimator, progress=tell
        )
        return scores.astype(np.float32), choice, probes, None
    cells = cells_of(train["label"], train["confound"])
    grouping = Grouping(cells.code, len(cells.names), choice.probe_row)
    scores, totals = scores_by_layer(
        model, encoded, rows, chosen, probe_rows, ranks or Ranks(), grouping, progress=tell
    )
    return scores.astype(np.float32), choice, probes, totals


def _layers(
    totals: LayerTotals, train: pd.DataFrame, probes: pd.DataFrame, choice: ProbeChoice, config: DiagnosisConfig
) -> tuple[LayerCid, ...]:
    cells = cells_of(train["label"], train["confound"])
    columns = (probes["label"], probes["confound"])
    shares, within = (
        cids_from_sums(sums, cells, *columns, choice.probe_row) for sums in (totals.shares, totals.within)
    )
    names = [(readable(module), module) for module in totals.modules]
    return layer_cids(names, shares, within, *columns, seed=config.seed, draws=config.draws)


def readable(module: str) -> str:
    """A layer's name for people, blocks by the numbers that `round_layers` takes: `bert.encoder.layer.3` → block 3,
    `bert.pooler` → pooler, `classifier` → classifier."""
    last = module.rpartition(".")[2]
    return f"block {last}" if last.isdigit() else last.replace("_", " ")
