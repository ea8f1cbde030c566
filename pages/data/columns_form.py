"""Which column is what: a guess that a person can change."""

import pandas as pd
import streamlit as st

from core.datasets.guess import guess
from core.datasets.mapping import LEAVE_OUT, SPLIT_ALIASES, SPLITS, ColumnMapping, values_of
from core.views.texts import help_for
from pages.data.files import Upload
from pages.data.rule_form import rule_form
from pages.data.values_form import values_form

COLUMN, KEYWORDS, REGEX = "A column", "Keywords in the text", "A regular expression"
MOST_SPLIT_VALUES = 12


def mapping_form(upload: Upload) -> ColumnMapping | None:
    """The form's present state as a mapping; None, with the reason shown, where a rule is not complete."""
    table = upload.tables["train"]
    names = [str(name) for name in table.columns]
    first = _guess(upload)
    token = upload.token
    one, two, three = st.columns(3)
    text = one.selectbox("Text", names, index=_place(names, first.text), key=f"text-{token}")
    label = two.selectbox("Label", names, index=_place(names, first.label), key=f"label-{token}")
    with three:
        way = st.selectbox(
            "Confound comes from",
            [COLUMN, KEYWORDS, REGEX],
            index=0 if first.confound else 1,
            key=f"confound-way-{token}",
            help=help_for("confound"),
        )
    confound, rule = None, None
    if way == COLUMN:
        confound = three.selectbox(
            "Confound column", names, index=_place(names, first.confound), key=f"confound-{token}"
        )
    else:
        rule = rule_form("keywords" if way == KEYWORDS else "regex", names, token)
        if rule is None:
            return None
    text_b = _optional(
        one, "Second text (optional)", names, first.text_b, f"text-b-{token}", "Two texts are read as a pair."
    )
    split = None
    if len(upload.tables) == 1:
        split = _optional(
            two,
            "Split column (optional)",
            names,
            first.split,
            f"split-{token}",
            "Says train, dev or test for each row.",
        )
    with st.expander("Values and ids"):
        row_id = _optional(
            st, "Column of unique ids (optional)", names, first.id, f"id-{token}", "Without one, rows are numbered."
        )
        left, right = st.columns(2)
        with left:
            labels = values_form("label", _column(upload, label), first.label_threshold, first.label_drop, token)
        with right:
            confounds = (
                values_form("confound", _column(upload, confound), first.confound_threshold, (), token)
                if confound
                else None
            )
    return ColumnMapping(
        text=text,
        text_b=text_b,
        label=label,
        confound=confound,
        confound_rule=rule,
        split=split,
        id=row_id,
        label_threshold=labels.threshold,
        label_merge=labels.merge,
        label_drop=labels.drop,
        confound_threshold=confounds.threshold if confounds else None,
        confound_merge=confounds.merge if confounds else {},
        confound_drop=confounds.drop if confounds else (),
        split_names=_split_names(table, split, token),
    )


def _guess(upload: Upload) -> ColumnMapping:
    kept = st.session_state.get("data-guess")
    if kept is None or kept[0] != upload.token:
        kept = (upload.token, guess(upload.tables["train"]))
        st.session_state["data-guess"] = kept
    return kept[1]


def _place(names: list[str], guessed: str | None) -> int | None:
    return names.index(guessed) if guessed in names else None


def _optional(place: object, label: str, names: list[str], guessed: str | None, key: str, help_text: str) -> str | None:
    return place.selectbox(label, names, index=_place(names, guessed), key=key, help=help_text, placeholder="None")


def _column(upload: Upload, name: str | None) -> pd.DataFrame:
    """The named column over all files, as a table of one column called "value"."""
    parts = [values_of(table, name) for table in upload.tables.values() if name in table.columns]
    return pd.DataFrame({"value": pd.concat(parts, ignore_index=True) if parts else pd.Series([], dtype=object)})


def _split_names(table: pd.DataFrame, column: str | None, token: str) -> dict[str, str]:
    """What the split column's unusual values mean."""
    if column is None:
        return {}
    unknown = [value for value in values_of(table, column).unique() if value.lower() not in SPLIT_ALIASES]
    if not unknown or len(unknown) > MOST_SPLIT_VALUES:
        return {}
    st.caption("Which split do these values of the split column stand for?")
    names = {}
    with st.container(horizontal=True):
        for number, value in enumerate(unknown):
            chosen = st.selectbox(
                f"Split value {number + 1}",
                [*SPLITS, LEAVE_OUT],
                format_func=lambda split, value=value: (
                    f"{value or '(empty)'} → " + ("left out" if split == LEAVE_OUT else split)
                ),
                key=f"split-{token}-{column}-{number}",
                label_visibility="collapsed",
                width=240,
            )
            names[value] = chosen
    return names
