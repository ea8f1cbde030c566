"""Figure 1 twice: the same probe before and after, over the same bins and on the same height."""

import pandas as pd
import streamlit as st

from core.formats import counted, plain, shortened, signed
from core.views.diagnoses import Point
from core.views.histograms import two_histograms
from core.views.probe_groups import Groups, binned, common_edges, groups
from core.views.texts import help_for
from pages.parts.address import go_to
from pages.parts.diagnosis_data import examples, matrix
from pages.parts.saving import config
from pages.parts.tables import download_csv
from pages.tune.pair import Pair

LINE_CHARACTERS = 90
CARD_CHARACTERS = 700


@st.fragment
def same_probe(pair: Pair, dataset_id: str) -> None:
    """The choice of a probe and its two figures. A fragment: another probe runs no more than this again."""
    assert pair.before is not None
    assert pair.after is not None
    st.subheader("The same probe, before and after", anchor=False, help=help_for("influence"))
    table = pair.probes()
    if table.empty:
        st.caption("The two diagnoses have no probe in common.")
        return
    probe = _pick(table)
    st.text(shortened(probe["text"], CARD_CHARACTERS) or "This example is not in the data set any more.")
    if isinstance(probe["text_b"], str):
        st.text(shortened(probe["text_b"], CARD_CHARACTERS))
    st.markdown(in_words(probe))
    sides = {"before": pair.before, "after": pair.after}
    found = {name: _groups(point, probe, int(probe[f"index_{name}"]), dataset_id) for name, point in sides.items()}
    edges = common_edges(list(found.values()))
    drawn = {name: binned(one, edges) for name, one in found.items()}
    titles = {
        "before": f"Before: step {pair.before.step:,} of the parent",
        "after": f"After: step {pair.after.step:,} of this run",
    }
    for place, name, other in zip(st.columns(2, gap="large"), sides, reversed(sides), strict=True):
        with place:
            st.markdown(f"**{titles[name]}**")
            same, different = _means(found[name])
            st.plotly_chart(
                two_histograms(drawn[name], means=(same, different), share=True, beside=drawn[other]),
                key=f"tune-histogram-{name}",
                config=config(f"{pair.run.name}-{probe['id']}-{name}"),
                alt=f"Two histograms of influence on the probe {name}: mean {signed(same)} with the same confound, "
                f"{signed(different)} with another.",
            )
    download_csv(
        table[["id", "text", "text_b", "label", "confound", "cid_before", "cid_after"]],
        f"{pair.run.name}-probes.csv",
        key="tune-probes-csv",
        label="CID of every probe, CSV",
    )


def _pick(table: pd.DataFrame) -> pd.Series:
    """The probe that the address names, or the one whose CID changed most; the list has those that changed most first."""
    order = table.assign(change=(table["cid_after"] - table["cid_before"]).abs())
    order = order.sort_values("change", ascending=False, kind="stable", na_position="last").set_index("id", drop=False)
    lines = {str(row.id): _line(row) for row in order.itertuples()}
    asked = st.query_params.get("probe")
    st.session_state["tune-probe"] = asked if asked in lines else next(iter(lines))
    chosen = st.selectbox(
        "Probe",
        list(lines),
        format_func=lambda key: lines[key],
        key="tune-probe",
        on_change=lambda: go_to(probe=st.session_state["tune-probe"]),
        help=f"{counted(len(lines), 'probe')}, those whose CID changed most first. {help_for('probe')}",
    )
    return order.loc[chosen]


def _line(row: object) -> str:
    cids = f"CID {_number(row.cid_before)} → {_number(row.cid_after)}"
    return f"{cids} · {row.label} × {row.confound} · {shortened(row.text, LINE_CHARACTERS) or row.id}"


def _number(value: float) -> str:
    return signed(None if pd.isna(value) else float(value))


def in_words(probe: pd.Series) -> str:
    """The probe's cell, and how its CID changed (Markdown)."""
    label, confound = plain(probe["label"]), plain(probe["confound"])
    if pd.isna(probe["cid_before"]) or pd.isna(probe["cid_after"]):
        return f"This probe (**{label}** × **{confound}**) has no CID: one of the two groups is empty."
    return (
        f"Among training examples of the label **{label}**, those that share **{confound}** (orange) spoke "
        f"**{_more(probe['cid_before'])}** for this decision than those that don't (blue); now they speak "
        f"**{_more(probe['cid_after'])}**."
    )


def _more(cid: float) -> str:
    return f"{signed(abs(cid))} {'more' if round(cid, 2) >= 0 else 'less'}"


def _groups(point: Point, probe: pd.Series, column: int, dataset_id: str) -> Groups:
    held, train = matrix(point.id), examples(dataset_id)["train"]
    return groups(held.scores[:, column], int(held.probe_row[column]), train, probe["label"], probe["confound"])


def _means(found: Groups) -> tuple[float | None, float | None]:
    same, different = (
        float(found.scores[part].mean()) if part.any() else None for part in (found.same, found.different)
    )
    return same, different
