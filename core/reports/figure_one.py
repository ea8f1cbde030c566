"""Figure 1 of a few probes of a diagnosis, and the table of all of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import UserError
from core.formats import count, shortened, signed
from core.reports.document import Figure
from core.store import queries
from core.store.engine import Store
from core.store.tables import Diagnosis, Run
from core.store.trouble import StoreTroubleError
from core.views.histograms import two_histograms
from core.views.probe_groups import groups, histogram

TEXT_CHARACTERS = 160
CARD_CHARACTERS = 600


@dataclass(frozen=True)
class ProbeFigure:
    """One probe with its two histograms. texts: of the probe, none where they are left out."""

    title: str
    label: str
    confound: str
    texts: tuple[str, ...]
    words: str
    figure: Figure


def probe_figures(
    store: Store, run: Run, diagnosis: Diagnosis, with_texts: bool, notes: list[str]
) -> tuple[list[dict[str, Any]], list[ProbeFigure]]:
    """The rows of the probe table, highest CID first, and the probe with the highest CID beside the median one.

    What cannot be shown, and why, is added to `notes`.
    """
    probes = [dict(one) for one in diagnosis.report["probes"]]
    dataset = queries.get_dataset(store, run.dataset_id)
    frame = queries.examples(
        store, dataset, columns=["id", "label", "confound", "split", *(["text", "text_b"] if with_texts else [])]
    )
    known = frame.drop_duplicates("id").set_index(frame.drop_duplicates("id")["id"].astype(str)) if with_texts else None
    for place, probe in enumerate(probes):
        probe["place"] = place
        whole = [] if known is None else _texts(known, str(probe["id"]))
        probe["texts"] = [shortened(one, TEXT_CHARACTERS) for one in whole]
        probe["card"] = tuple(str(shortened(one, CARD_CHARACTERS)) for one in whole)
    ranked = sorted((one for one in probes if one["cid"] is not None), key=lambda one: -one["cid"])
    rows = [*ranked, *(one for one in probes if one["cid"] is None)]
    if not ranked:
        return rows, []
    try:
        arrays = store.artifacts.read_arrays(diagnosis.path)
    except StoreTroubleError:
        raise
    except UserError:
        notes.append("The file with the influence of each training example is missing, so Figure 1 cannot be drawn.")
        return rows, []
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    chosen = {"The probe with the highest CID": ranked[0]}
    if len(ranked) > 2:
        chosen["The median probe"] = ranked[len(ranked) // 2]
    return rows, [_drawn(title, one, arrays, train, run.name) for title, one in chosen.items()]


def _texts(known: pd.DataFrame, probe: str) -> list[str]:
    if probe not in known.index:
        return ["(This example is not in the data set any more.)"]
    row = known.loc[probe]
    return [str(row[name]) for name in ("text", "text_b") if isinstance(row[name], str)]


def _drawn(
    title: str, probe: dict[str, Any], arrays: dict[str, np.ndarray], train: pd.DataFrame, name: str
) -> ProbeFigure:
    place = probe["place"]
    found = groups(
        arrays["scores"][:, place], int(arrays["probe_row"][place]), train, probe["label"], probe["confound"]
    )
    figure = two_histograms(histogram(found), means=(probe["mean_a"], probe["mean_b"]), share=True)
    figure.data[-1].text = [one.replace("<br><i>click to list them</i>", "") for one in figure.data[-1].text]
    words = in_words(probe)
    return ProbeFigure(
        title,
        str(probe["label"]),
        str(probe["confound"]),
        probe["card"],
        words,
        Figure(figure, f"Two histograms of influence on the probe. {words}", f"{name}-probe-{probe['id']}"),
    )


def in_words(probe: dict[str, Any]) -> str:
    """What the two histograms of a probe say."""
    way = "more" if round(probe["cid"], 2) >= 0 else "less"
    said = (
        f"Among training examples of the same label, the {count(probe['n_a'])} that share the probe's confound (orange) "
        f"speak {signed(abs(probe['cid']))} {way} for this decision than the {count(probe['n_b'])} that don't (blue)."
    )
    if probe.get("hedges_g") is None:
        return said
    q = probe.get("q")
    sure = "" if q is None else ", q < 0.001" if q < 0.001 else f", q = {q:.3f}"
    return f"{said} Effect: Hedges' g {signed(probe['hedges_g'])}{sure}."
