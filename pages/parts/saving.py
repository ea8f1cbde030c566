"""How a figure's camera saves it: as PNG or as SVG. The choice is the visitor's, and holds for every page of the visit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from core.views import charts

FORMATS = {"png": "PNG", "svg": "SVG"}
_KEPT, _WIDGET, _DRAWN = "figures-save-as", "figures-save-as-choice", "figures-drawn"


def chosen_format() -> str:
    """`png` until somebody chose."""
    found = st.session_state.get(_KEPT)
    return found if found in FORMATS else "png"


def config(filename: str, *, select: bool = False, lasso: bool = False) -> dict[str, Any]:
    """Plotly's tool bar for `st.plotly_chart(config=…)`, whose camera saves in the visitor's format."""
    st.session_state[_DRAWN] = True
    return charts.config(filename, select=select, lasso=lasso, image=chosen_format())


@contextmanager
def choice_at_the_foot() -> Iterator[None]:
    """Whatever page runs inside gets the choice at its foot, if it drew a figure."""
    st.session_state.pop(_DRAWN, None)
    yield
    if st.session_state.get(_DRAWN):
        _show_choice()


def _show_choice() -> None:
    st.session_state[_WIDGET] = chosen_format()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", key="figures-foot"):
        st.caption(":material/photo_camera: The camera of a figure saves", width="content")
        st.segmented_control(
            "The camera of a figure saves",
            list(FORMATS),
            format_func=FORMATS.get,
            key=_WIDGET,
            on_change=_keep,
            required=True,
            label_visibility="collapsed",
            help="PNG for slides and messages, SVG for print and for a drawing program.",
        )


def _keep() -> None:
    st.session_state[_KEPT] = st.session_state[_WIDGET]
