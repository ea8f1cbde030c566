"""CID over training, group by group: the paper's Figure 3."""

from typing import cast

import streamlit as st

from core.actions.comparison import GroupComparison
from core.actions.courses import Source
from core.formats import plain, signed
from core.views.compare_figures import courses_figure, mean_course
from core.views.compare_tables import courses_table
from core.views.texts import help_for
from pages.parts.address import go_to
from pages.parts.saving import config
from pages.parts.tables import download_csv

SOURCES = {"diagnoses": "Diagnoses", "curve": "The runs' own curves"}


def show_courses(found: GroupComparison) -> None:
    """The figure, from what was measured at more than one step; a sentence where nothing was."""
    st.subheader("CID over training", anchor=False, help=help_for("cid"))
    there = [name for name in SOURCES if any(one.source == name for one in found.courses)]
    if not there:
        st.caption(
            "None of these runs has a CID. Diagnose them, or train with a CID curve (“CID curve: a point every …” "
            "under More settings)."
        )
        return
    source = _source(found, there)
    words = in_words(found, source)
    st.caption(plain(words))
    st.plotly_chart(
        courses_figure(found.groups, found.courses, source),
        key=f"compare-courses-{source}",
        config=config("compare-cid-over-training"),
        alt=f"CID by training step: a thin line for each seed, a thick one for the mean of a group. {words}",
    )
    download_csv(courses_table(found), "comparison-cid-over-training.csv", key="compare-courses-csv")


def _source(found: GroupComparison, there: list[str]) -> Source:
    """Diagnoses where any run has several, else the curve; both can be chosen."""
    long = [name for name in there if any(one.source == name and len(one.points) > 1 for one in found.courses)]
    usual = (long or there)[0]
    if len(there) == 1:
        return cast(Source, usual)
    asked = st.query_params.get("course")
    st.session_state["compare-course"] = asked if asked in there else usual
    picked = st.segmented_control(
        "Measured by",
        there,
        format_func=lambda one: SOURCES[one],
        key="compare-course",
        on_change=lambda: go_to(course=st.session_state["compare-course"]),
        required=True,
        label_visibility="collapsed",
        help="Diagnoses ask more probes and come with what chance alone gives; a run's own curve has more points.",
    )
    return cast(Source, picked)


def in_words(found: GroupComparison, source: Source) -> str:
    """Where each group begins and ends."""
    parts, without, apart = [], [], []
    for group in found.groups:
        mine = [one for one in found.courses if one.group == group.group and one.source == source]
        means = mean_course(mine)
        if not means:
            (apart if mine else without).append(group.group)
        elif len(means) == 1:
            parts.append(f"{group.group} has {signed(means[0][1], 3)} at step {means[0][0]:,}")
        else:
            parts.append(f"{group.group} goes from {signed(means[0][1], 3)} to {signed(means[-1][1], 3)}")
    said = f"Mean CID: {'; '.join(parts)}." if parts else ""
    if without:
        said += f" Not measured: {', '.join(without)}."
    if apart:
        said += f" Measured at other steps in every seed, so without a mean: {', '.join(apart)}."
    if source == "curve":
        said += " A run's own curve is measured on a few fixed probes and has no null band."
    return said.strip()
