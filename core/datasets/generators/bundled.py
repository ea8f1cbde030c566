"""The bundled samples, as files."""

from pathlib import Path

import pandas as pd

from core.datasets.generators.msgs import msgs_like
from core.datasets.generators.news import news_sentences
from core.datasets.generators.textlen import textlen_from_sentences, without_prefix

SEED = 2021


def bundled(seed: int = SEED) -> dict[str, pd.DataFrame]:
    """File name → its rows (text, label, confound). The same seed gives the same rows everywhere."""
    textlen = textlen_from_sentences(news_sentences(1280, seed=seed), seed=seed)
    control = {split: without_prefix(rows) for split, rows in textlen.items()}
    sets = {"textlen": textlen, "textlen_nospurious": control, "grammar": msgs_like(seed=seed)}
    return {f"{name}_{split}.csv": rows for name, splits in sets.items() for split, rows in splits.items()}


def write_bundled(folder: Path, seed: int = SEED) -> list[Path]:
    """Write them as UTF-8 CSV with "\\n" line ends, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, rows in bundled(seed).items():
        path = folder / name
        path.write_bytes(rows.to_csv(index=False, lineterminator="\n").encode("utf-8"))
        paths.append(path)
    return paths
