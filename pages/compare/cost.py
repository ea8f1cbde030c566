"""What the accuracy costs in time."""

import streamlit as st

from core.actions.comparison import GroupComparison
from core.formats import duration, percent, plain
from core.views.compare_figures import cost_figure
from pages.parts.saving import config


def show_cost(found: GroupComparison) -> None:
    """Accuracy against seconds; a sentence where no time is known."""
    timed = [group for group in found.groups if group.all.seconds.mean is not None]
    if not timed:
        return
    st.subheader("What it costs", anchor=False)
    words = "; ".join(
        f"{group.group}: {percent(group.all.accuracy.mean)} in {duration(group.all.seconds.mean)}" for group in timed
    )
    devices = list(dict.fromkeys(run.device for group in found.groups for run in group.runs if run.device))
    st.caption(plain(f"Mean accuracy and time of a run. {words}."))
    if len(devices) > 1:
        st.caption(
            f":material/warning: The runs were made on different devices ({plain(', '.join(devices))}), so their times "
            "cannot be compared."
        )
    st.plotly_chart(
        cost_figure(found.groups, found.split),
        key="compare-cost",
        config=config("compare-cost"),
        alt=f"Accuracy on {found.split} against seconds of a run. {words}",
    )
