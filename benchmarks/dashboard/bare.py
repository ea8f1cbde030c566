"""A page with nothing of ours: how fast can Streamlit answer here? Each part is a fragment of its own, as ours are.

The short rests are there so that the browser sees the script run; they are a part of what is measured.
"""

import time

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

REST = 0.03
LETTERS = ["a", "b", "c", "d"]


@st.fragment
def word() -> None:
    """A choice that changes a word."""
    chosen = st.selectbox("A word", LETTERS)
    time.sleep(REST)
    st.caption(chosen)


@st.fragment
def figure() -> None:
    """A choice that changes a figure of two groups in 36 bins."""
    chosen = LETTERS.index(st.selectbox("A figure", LETTERS))
    time.sleep(REST)
    numbers = np.random.default_rng(chosen).random((2, 36))
    st.plotly_chart(go.Figure([go.Bar(y=group) for group in numbers]), key="figure", on_select="rerun")


@st.fragment
def table() -> None:
    """A line of a table of 40, and which one it is in words."""
    frame = pd.DataFrame({"number": range(40), "text": ["eight words that are of no importance here"] * 40})
    chosen = st.dataframe(frame, on_select="rerun", selection_mode="single-row", key="table")
    time.sleep(REST)
    st.caption(str(chosen.selection.rows))


st.title("Nothing of ours")
word()
table()
figure()
