"""Every seed of every group, beside the floor and the control; and what the differences are worth, in words."""

from collections.abc import Sequence

import streamlit as st

from core.actions.comparison import GroupComparison, GroupResult
from core.formats import plain, signed
from core.statistics.compare import Difference
from core.views.compare_figures import MEASURES, Measure, every_seed
from core.views.compare_tables import seeds_shown, seeds_table
from core.views.texts import help_for
from pages.parts.address import go_to
from pages.parts.saving import config
from pages.parts.tables import download_csv


def show_seeds(found: GroupComparison) -> None:
    """The strip for a chosen measure, the sentences on it, and the runs as a table."""
    st.subheader("Every seed", anchor=False, help=help_for("seed"))
    name = _measure()
    measure = MEASURES[name]
    words = in_words(found.groups, measure)
    st.plotly_chart(
        every_seed(found.groups, measure),
        key=f"compare-seeds-{name}",
        config=config(f"compare-{name}"),
        alt=f"{measure.title} of every seed on {found.split}, beside the floor and the control. {words}",
    )
    _show_tests(found, name)
    with st.expander(f"Run by run ({sum(group.n for group in found.groups)})"):
        st.dataframe(
            seeds_shown(found),
            hide_index=True,
            height=min(38 + 35 * sum(group.n for group in found.groups), 460),
            alt="Every run: group, seed, accuracy, worst cell, CID, time",
        )
        download_csv(seeds_table(found), "comparison-seeds.csv", key="compare-seeds-csv")


def _measure() -> str:
    asked = st.query_params.get("measure")
    st.session_state["compare-measure"] = asked if asked in MEASURES else "accuracy"
    return str(
        st.segmented_control(
            "Measure",
            list(MEASURES),
            format_func=lambda one: MEASURES[one].title,
            key="compare-measure",
            on_change=lambda: go_to(measure=st.session_state["compare-measure"]),
            required=True,
            label_visibility="collapsed",
        )
    )


def in_words(groups: Sequence[GroupResult], measure: Measure) -> str:
    """The figure in a sentence: the range of the seeds of each group."""
    parts = []
    for group in groups:
        values = [value for run in group.runs if (value := measure.of_run(run)) is not None]
        if values:
            parts.append(f"{group.group} from {measure.written(min(values))} to {measure.written(max(values))}")
    return "; ".join(parts) or f"No run has a {measure.title}."


def _show_tests(found: GroupComparison, name: str) -> None:
    """Sentences on the chosen measure, each group against the baseline."""
    if len(found.groups) < 2:
        return
    if name == "balanced_accuracy":
        st.caption("Balanced accuracy is shown, not tested: accuracy, worst cell and CID are.")
        return
    everyone, fitted = (
        [_sentence(one) for one in differences if one.measure == name and one.b == found.baseline]
        for differences in (found.comparisons.all, found.comparisons.fitted)
    )
    st.markdown(_listed(everyone))
    changed = [one for one in fitted if one not in everyone]
    if changed:
        rest = "" if len(changed) == len(fitted) else " (the others stay as they are)"
        st.markdown(f"**Without the runs that failed to fit**{rest}")
        st.markdown(_listed(changed))
    if any(one.measure == name and one.undefined is None for one in found.comparisons.all):
        st.caption(
            f"{found.test} between seeds, which are not paired; {found.effect}; {found.correction}'s correction over the "
            "comparisons with the baseline, and over all pairs."
        )


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {one}" for one in sentences)


def _sentence(one: Difference) -> str:
    said = plain(one.sentence)
    if one.same_examples is None:
        return said
    lo, hi = (signed(100 * end, 1) for end in (one.same_examples.lo, one.same_examples.hi))
    return f"{said} On the same examples, with seeds and examples drawn anew: {lo} to {hi} points."
