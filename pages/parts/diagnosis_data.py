"""The influence matrix of a diagnosis and the examples behind it.

They never change once written, so they are kept in memory, a few at a time. Matrices are shared between visitors and
read only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from core.store import queries
from core.views.influence_blocks import Blocks, block_means
from pages.parts.store import open_store


@dataclass(frozen=True)
class Matrix:
    """Influence of N training examples on P probes [N, P], and each probe's own training row or −1 [P]."""

    scores: npt.NDArray[Any]
    probe_row: npt.NDArray[np.int64]


@st.cache_resource(max_entries=6, show_spinner="Reading the influence matrix …")
def matrix(diagnosis_id: str) -> Matrix:
    """The stored matrix of a diagnosis; shared, so not to be written to."""
    store = open_store()
    arrays = store.artifacts.read_arrays(queries.get_diagnosis(store, diagnosis_id).path)
    found = Matrix(arrays["scores"], arrays["probe_row"].astype(np.int64))
    found.scores.flags.writeable = False
    found.probe_row.flags.writeable = False
    return found


@st.cache_resource(max_entries=4, show_spinner="Reading the examples …")
def examples(dataset_id: str) -> dict[str, pd.DataFrame]:
    """The examples of a data set by split, each from row 0 in the order of the matrix; shared, so not to be changed."""
    store = open_store()
    frame = queries.examples(store, queries.get_dataset(store, dataset_id))
    frame = frame.astype({"label": "category", "confound": "category"})  # compared as numbers, at every view
    return {str(split): part.reset_index(drop=True) for split, part in frame.groupby("split", observed=True)}


@st.cache_resource(max_entries=16, show_spinner=False)
def matches(dataset_id: str, words: str) -> npt.NDArray[np.bool_]:
    """Which training rows [N] hold these words, as they are written but for capitals, in either text. Shared, read only."""
    wanted = words.casefold()
    found = np.zeros(len(examples(dataset_id)["train"]), dtype=bool)
    for texts in _folded(dataset_id):
        found |= [wanted in text for text in texts]
    found.flags.writeable = False
    return found


@st.cache_resource(max_entries=2, show_spinner=False)
def _folded(dataset_id: str) -> list[list[str]]:
    """The first and, where there are any, the second texts of the training split without capitals; "" where one is missing."""
    train = examples(dataset_id)["train"]
    columns = [train[name] for name in ("text", "text_b") if train[name].notna().any()]
    return [[text.casefold() if isinstance(text, str) else "" for text in column] for column in columns]


@st.cache_resource(max_entries=4, show_spinner=False)
def blocks(diagnosis_id: str, dataset_id: str) -> Blocks:
    """The matrix of a diagnosis in at most 60 × 300 means, sorted by cell. Shared, not to be changed."""
    held, probes, train = matrix(diagnosis_id), probe_table(diagnosis_id), examples(dataset_id)["train"]
    return block_means(held.scores, held.probe_row, train, probes)


@st.cache_resource(max_entries=8, show_spinner=False)
def probe_table(diagnosis_id: str) -> pd.DataFrame:
    """One row a probe, in the order of the matrix's columns: its example beside its figures. Shared, not to be changed."""
    store = open_store()
    diagnosis = queries.get_diagnosis(store, diagnosis_id)
    run = queries.get_run(store, diagnosis.run_id)
    table = pd.DataFrame(diagnosis.report["probes"])
    table["id"] = table["id"].astype(str)
    known = pd.concat(examples(run.dataset_id).values()).drop_duplicates("id").set_index("id")
    for column in ("text", "text_b"):
        table[column] = known[column].reindex(table["id"]).to_numpy(dtype=object)
    return table
