"""Which training examples the decision rests on: the two histograms, CID of this one text, the most helpful and harmful."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.actions.trying import influence_in_words
from core.errors import UserError
from core.formats import NOTHING, count, counted, interval, plain, shortened, signed
from core.store.tables import Run
from core.views.charts import safe_filename
from core.views.histograms import two_histograms
from core.views.probe_groups import Groups, groups, histogram
from core.views.texts import help_for
from pages.parts.diagnosis_data import examples
from pages.parts.saving import config
from pages.parts.store import open_store
from pages.parts.tables import download_csv

LISTED = 10
SAME, DIFFERENT, OTHER = "🟧 same", "🟦 different", "other label"


def show_influence(run: Run, found: dict[str, Any]) -> None:
    """Everything about influence on this text."""
    influence = found["influence"]
    st.subheader("Who speaks for this decision?", anchor=False, help=help_for("influence"))
    st.markdown(plain(" ".join(influence_in_words(found))))
    if influence["problem"]:
        return
    _scope(found)
    try:
        arrays = _scores(influence["path"])
    except UserError as error:
        st.warning(plain(str(error)), icon=":material/folder_off:")
        return
    rows = arrays["rows"]
    train = examples(run.dataset_id)["train"]
    if len(rows) and int(rows.max()) >= len(train):
        st.warning(
            "The training examples behind this try are not in the data set any more.", icon=":material/folder_off:"
        )
        return
    part = train.iloc[rows].reset_index(drop=True)
    own = np.flatnonzero(rows == influence["row"])
    asked = groups(arrays["scores"], int(own[0]) if len(own) else -1, part, found["label"], str(found["confound"]))
    cid = influence["cid"]
    if cid is not None:
        _figures(cid)
        _histograms(run, found, asked)
    _lists(run, found, part, asked, known=cid is not None)


def _scope(found: dict[str, Any]) -> None:
    influence = found["influence"]
    said = (
        f"A sample of {count(influence['n'])} of {counted(influence['n_train'], 'training example')}, equally many of every "
        f"label × confound cell as far as there are (seed {influence['seed']})."
        if influence["sampled"]
        else f"The whole training set: {counted(influence['n'], 'example')}."
    )
    if influence["itself"]:
        said += f" The text is itself a training example ({plain(influence['itself']['id'])}) and is left out."
    st.caption(f"{said} Influence on the label {plain(found['label'])}, by gradient cosine over all parameters.")


@st.cache_resource(max_entries=8, show_spinner=False)
def _scores(path: str) -> dict[str, np.ndarray]:
    """What the worker measured; never changed once written."""
    return open_store().artifacts.read_arrays(path)


def _figures(cid: dict[str, Any]) -> None:
    low, high = cid["ci"] or (None, None)
    with st.container(horizontal=True, border=True, key="try-cid"):
        st.metric(
            "CID of this text",
            signed(cid["cid"], 3),
            delta=plain(f"95 % {interval(low, high, 3)}") if low is not None else NOTHING,
            delta_color="off",
            delta_arrow="off",
            help="CID of a single text; its interval says how far it would move with other training examples. "
            + help_for("cid"),
            width=190,
        )
        for title, key, n in (("Mean, same confound", "mean_a", "n_a"), ("Mean, different", "mean_b", "n_b")):
            st.metric(
                title,
                signed(cid[key], 3),
                delta=counted(cid[n], "example"),
                delta_color="off",
                delta_arrow="off",
                help=help_for("influence"),
                width=190,
            )
        st.metric("Effect", signed(cid["hedges_g"]), help=help_for("effect"), width=120)


def _histograms(run: Run, found: dict[str, Any], asked: Groups) -> None:
    if not (asked.same.any() or asked.different.any()):
        return
    cid = found["influence"]["cid"]
    drawn = histogram(asked)
    st.plotly_chart(
        two_histograms(
            drawn, means=(cid["mean_a"], cid["mean_b"]), share=True, axis="Influence on this text", beside=drawn
        ),
        key="try-histograms",
        config=config(f"{run.name}-try"),
        alt=f"Two histograms of influence on the text. {plain(' '.join(influence_in_words(found)))}".replace("\\", ""),
    )


def _lists(run: Run, found: dict[str, Any], train: pd.DataFrame, asked: Groups, *, known: bool) -> None:
    label = plain(found["label"])
    for word, sign, said in (
        ("helpful", -1, f"Training on these speaks for {label} the most."),
        ("harmful", 1, f"Training on these speaks against {label} the most."),
    ):
        order = np.argsort(sign * asked.scores, kind="stable")
        order = order[order != asked.itself][:LISTED]
        table = _table(train, asked, order, known=known)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**Most {word}** {said}", width="content")
            download_csv(table, f"{safe_filename(run.name)}-try-most-{word}.csv", key=f"try-csv-{word}")
        shown = table.drop(columns="id").assign(text=[shortened(text) for text in table["text"]])
        st.dataframe(
            shown,
            hide_index=True,
            key=f"try-{word}",
            placeholder="",
            column_config={
                "influence": st.column_config.NumberColumn("Influence", format="%.3f", width="small"),
                "group": st.column_config.TextColumn("Group", width=105),
                "label": st.column_config.TextColumn("Label", width="small"),
                "confound": st.column_config.TextColumn("Confound", width="small"),
                "text": st.column_config.TextColumn("Text", width="large"),
            },
            alt=f"The {counted(len(shown), 'training example')} most {word} to the decision: influence, group, label, confound, text",
        )


def _table(train: pd.DataFrame, asked: Groups, order: np.ndarray, *, known: bool) -> pd.DataFrame:
    part = train.iloc[order]
    table = pd.DataFrame(
        {
            "influence": asked.scores[order],
            "group": np.select([asked.same[order], asked.different[order]], [SAME, DIFFERENT], OTHER),
            "label": part["label"].to_numpy(),
            "confound": part["confound"].to_numpy(),
            "text": part["text"].to_numpy(),
            "id": part["id"].to_numpy(),
        }
    )
    return table if known else table.drop(columns="group")
