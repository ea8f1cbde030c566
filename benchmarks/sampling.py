"""How far CID from a sample of the training set is from CID over all of it.

    python -m benchmarks.sampling [--data ../shared/data] [--draws 400] [--epochs 5] [--save FILE.json]

Fine-tunes MiniLM on TextLen, where a prefix goes with the label, and on its control, where it does not; scores every
training example on 40 probes; then draws the same number of training examples from every label × confound cell, many
times over, and compares. `--save results/x.json` writes the figures, and the table beside them as `.md`.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.machine import machine
from benchmarks.reproduce.data import load
from benchmarks.reproduce.record import FolderRecorder
from core.encoders.loading import load_saved
from core.statistics.sampled import sample_cells, sampled_cids
from core.training.config import TrainConfig
from core.training.diagnosis import Diagnosed, diagnose
from core.training.diagnosis_config import DiagnosisConfig
from core.training.trainer import train

PER_CELL = (5, 10, 20, 40, 75)
"""TextLen's rare cells have 75 examples each."""

MODELS = {"textlen": "leans on the prefix", "textlen_nospurious": "has no prefix to lean on"}


@dataclass(frozen=True)
class Row:
    """One size of sample: root mean square and 95th percentile of |CID of a sample − CID of all|, and the mean error."""

    data: str
    cid: float
    per_cell: int
    examples: int
    share: float
    rms: float
    p95: float
    bias: float


def main() -> None:
    """Measure both models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with the paper's CSV files")
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--save", type=Path, help="write the figures as JSON, and the table beside them")
    options = parser.parse_args()
    rows = []
    for stem in MODELS:
        frame = load(options.data, stem).frame
        print(f"{stem}: fine-tuning and scoring", file=sys.stderr)
        rows += compare(stem, frame, measured(frame, options.epochs), options.draws)
    report = {"machine": machine(), "epochs": options.epochs, "draws": options.draws, "rows": [asdict(r) for r in rows]}
    text = table(rows, report)
    if options.save:
        options.save.write_text(json.dumps(report, indent=1) + "\n")
        options.save.with_suffix(".md").write_text(text)
    print(text)


def measured(frame: pd.DataFrame, epochs: int) -> Diagnosed:
    """A fine-tuned model's influence matrix, all training examples on 40 probes."""
    config = TrainConfig(label_epochs=epochs, label_lr=1e-4, checkpoints=1, max_length=64)
    with tempfile.TemporaryDirectory() as name:
        recorder = FolderRecorder(Path(name), lambda: False)
        train(config, frame, Path(name), recorder)
        model, tokenizer = load_saved(recorder.final_model())
        return diagnose(model, tokenizer, frame, DiagnosisConfig(probes=40, seed=config.seed), max_length=64)


def compare(stem: str, frame: pd.DataFrame, found: Diagnosed, draws: int) -> list[Row]:
    """Samples of every size, each drawn `draws` times."""
    examples = frame[frame["split"] == "train"]
    label, confound = examples["label"].to_numpy(), examples["confound"].to_numpy()
    probes = found.probes["label"].to_numpy(), found.probes["confound"].to_numpy(), found.probe_row
    rows = []
    for per_cell in PER_CELL:
        errors = []
        for seed in range(draws):
            sample = sample_cells(label, confound, per_cell=per_cell, seed=seed)
            errors.append(np.nanmean(sampled_cids(found.scores[sample.rows], sample, *probes)) - found.report.cid)
        wrong = np.array(errors)
        rows.append(
            Row(
                data=stem,
                cid=found.report.cid,
                per_cell=per_cell,
                examples=len(sample.rows),
                share=len(sample.rows) / len(examples),
                rms=float(np.sqrt((wrong**2).mean())),
                p95=float(np.quantile(np.abs(wrong), 0.95)),
                bias=float(wrong.mean()),
            )
        )
    return rows


def table(rows: list[Row], report: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = [
        "| the model | CID of all | examples a cell | in all | of the training set | error (rms) | 95 % within | mean error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {MODELS[r.data]} | {r.cid:.3f} | {r.per_cell} | {r.examples} | {r.share:.0%} "
        f"| {r.rms:.4f} | {r.p95:.4f} | {r.bias:+.4f} |".replace("%", " %")
        for r in rows
    ]
    about = report["machine"]
    lines += [
        "",
        f"MiniLM, {report['epochs']} epochs, 40 probes, {report['draws']} draws a size; {about['processor']}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
