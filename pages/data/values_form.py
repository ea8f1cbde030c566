"""What happens to a column's values: a threshold for numbers, merging, leaving out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from core.datasets.guess import suggest_threshold
from core.datasets.mapping import count_values, numbers_of

SHOWN = 200


@dataclass(frozen=True)
class Values:
    """A threshold, new names by old ones, and values whose rows are left out."""

    threshold: float | None = None
    merge: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()


def values_form(role: str, table: pd.DataFrame, threshold: float | None, drop: Sequence[str], token: str) -> Values:
    """The form for one role ("label" or "confound"); `table` has the column "value"."""
    counts = count_values(table, "value", limit=SHOWN)
    if not counts:
        return Values()
    st.markdown(f"**Values of the {role}**")
    texts = tuple(value for value, _ in counts if numbers_of(pd.DataFrame({"value": [value]}), "value") is None)
    numeric = numbers_of(table, "value", dropped=[*texts, ""]) is not None
    key = f"{role}-{token}-{pd.util.hash_pandas_object(table['value'].head(2000)).sum() % 10**9}"
    if numeric and st.toggle(
        "Make two values out of a number",
        value=threshold is not None,
        key=f"threshold-on-{key}",
        help="Below the threshold, and at least the threshold.",
    ):
        return _threshold(table, threshold, texts, key)
    return _names(counts, drop, key)


def _threshold(table: pd.DataFrame, threshold: float | None, texts: tuple[str, ...], key: str) -> Values:
    start = threshold if threshold is not None else suggest_threshold(table, "value", dropped=texts)
    if start is None:
        numbers = numbers_of(table, "value", dropped=[*texts, ""])
        start = 0.0 if numbers is None else float(numbers.median())
    at = st.number_input("Threshold", value=float(start), key=f"threshold-{key}", format="%g")
    left, right = st.columns(2)
    below = left.text_input("Below it", value=f"below {at:g}", key=f"below-{key}-{at:g}")
    above = right.text_input("From it on", value=f"at least {at:g}", key=f"above-{key}-{at:g}")
    drop = st.multiselect(
        "Leave out rows with", list(texts), default=list(texts), format_func=_shown, key=f"drop-{key}"
    )
    merge = {f"below {at:g}": below, f"at least {at:g}": above}
    return Values(at, {old: new for old, new in merge.items() if new.strip() and old != new}, tuple(drop))


def _names(counts: list[tuple[str, int]], drop: Sequence[str], key: str) -> Values:
    frame = pd.DataFrame(
        {
            "Value": [_shown(value) for value, _ in counts],
            "Rows": [n for _, n in counts],
            "Keep": [value not in drop for value, _ in counts],
            "Becomes": [value for value, _ in counts],
        }
    )
    edited = st.data_editor(
        frame,
        key=f"values-{key}",
        hide_index=True,
        disabled=["Value", "Rows"],
        height=min(38 + 35 * len(frame), 300),
        column_config={
            "Keep": st.column_config.CheckboxColumn(help="Rows with an unchecked value are left out.", width="small"),
            "Becomes": st.column_config.TextColumn(help="Give two values one name to merge them.", max_chars=120),
        },
        alt="The column's values: whether their rows are kept, and what they are called from here on",
    )
    return decisions(counts, list(edited["Keep"]), list(edited["Becomes"]))


def decisions(counts: Sequence[tuple[str, int]], keep: Sequence[bool], becomes: Sequence[str | None]) -> Values:
    """What the edited table says: unchecked values are left out, renamed ones get (and may share) their new name."""
    merge, out = {}, []
    for (value, _), kept, name in zip(counts, keep, becomes, strict=True):
        if not kept:
            out.append(value)
        elif name and name.strip() and name.strip() != value:
            merge[value] = name.strip()
    return Values(None, merge, tuple(out))


def _shown(value: str) -> str:
    return value or "(empty)"
