"""What the model decides, how sure it may be, and what becomes of it when only the confound changes."""

from typing import Any

import pandas as pd
import streamlit as st

from core.actions.trying import swap_in_words
from core.formats import NOTHING, count, duration, percent, plain, shortened, signed
from core.views.texts import help_for
from pages.parts.tables import download_csv

MOST_LABELS = 6


def show_decision(found: dict[str, Any]) -> None:
    """The decision, its calibration, and the versions of the text."""
    first = found["versions"][0]
    with st.container(border=True, key="try-decision"):
        st.subheader(f"{plain(first['predicted'])}, {percent(first['confidence'])} sure", anchor=False)
        st.text(shortened(first["text"], 280) or NOTHING)
        _labels(found)
        _calibration(found)
        if found["tokens"] > found["read"]:
            st.caption(
                f":material/content_cut: The model reads the first {count(found['read'])} of the text's "
                f"{count(found['tokens'])} tokens; the rest makes no difference to it."
            )
        seconds = found["seconds"]
        if seconds["decided"] is not None:
            done = f", influence after {duration(seconds['all'])}" if seconds["all"] is not None else ""
            st.caption(
                f"Decided {duration(seconds['decided'])} after its process was started, {duration(seconds['loaded'])} of "
                f"which went into loading torch and the model{done}, on {plain(found['device'])}."
            )
    _swap(found)


def _labels(found: dict[str, Any]) -> None:
    first = found["versions"][0]
    order = sorted(found["labels"], key=lambda label: -first["probabilities"][label])[:MOST_LABELS]
    for label in order:
        share = first["probabilities"][label]
        st.progress(min(max(share, 0.0), 1.0), text=f"{plain(label)} · {percent(share)}")
    if len(found["labels"]) > MOST_LABELS:
        st.caption(f"The {MOST_LABELS} likeliest of {len(found['labels'])} labels.")


def _calibration(found: dict[str, Any]) -> None:
    fit, first = found["calibration"], found["versions"][0]
    if fit is None:
        st.caption(
            f":material/warning: {plain(found['calibrated_on'])} The confidence is the model's own, which is often too high.",
            help=help_for("calibrated"),
        )
        return
    own = first["uncalibrated"][first["predicted"]]
    st.caption(
        f"{plain(found['calibrated_on'])} By itself the model would say {percent(own)} (temperature {signed(fit['temperature'])}). "
        f"Expected calibration error {percent(fit['ece_before'])} before, {percent(fit['ece_after'])} after (cross-fitted). "
        "It holds for texts like those of the dev split.",
        help=help_for("calibrated"),
    )


def _swap(found: dict[str, Any]) -> None:
    st.subheader("The same text, another confound", anchor=False, help=help_for("confound"))
    if not found["editable"]:
        st.markdown(plain(found["not_editable"]))
        st.caption(
            "What to do instead: type the text as it would read with another confound value and compare, or look under "
            "Diagnose at probes of every cell. The influence below asks the same question without changing the text."
        )
        return
    first, *others = found["versions"]
    lines = [
        f"{':material/warning:' if one['predicted'] != first['predicted'] else ':material/check:'} {plain(said)}"
        for one, said in zip(others, swap_in_words(found), strict=True)
    ]
    st.markdown("  \n".join(lines))
    if first["value"] is None:
        st.caption("Your text shows no confound value; each is added in turn.")
    table = _table(found)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"What is changed: {plain(found['marker'])}. Nothing else.", width="content")
        download_csv(table, "versions-of-the-text.csv", key="try-versions-csv")
    labels = found["labels"][:MOST_LABELS]
    number = st.column_config.ProgressColumn
    st.dataframe(
        table.assign(Text=[shortened(text, 200) for text in table["Text"]]),
        hide_index=True,
        key="try-versions",
        column_config={
            f"P({label})": number(f"P({plain(label)})", format="percent", min_value=0, max_value=1, width="small")
            for label in labels
        },
        alt="The text with each confound value: decision, and the calibrated probability of every label",
    )


def _table(found: dict[str, Any]) -> pd.DataFrame:
    labels = found["labels"][:MOST_LABELS]
    rows = [
        {
            "Confound": ("none" if one["value"] is None else one["value"]) + (" (as it is)" if one["as_it_is"] else ""),
            "Decision": one["predicted"],
            **{f"P({label})": one["probabilities"][label] for label in labels},
            "Text": one["text"],
        }
        for one in found["versions"]
    ]
    return pd.DataFrame(rows)
