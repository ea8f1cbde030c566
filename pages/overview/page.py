"""Overview: what this is, where to begin, what runs, what needs attention, and every run."""

import streamlit as st

from core.store import queries
from core.store.engine import open_store
from core.views.texts import WHAT_THIS_IS
from pages.overview.attention import show_attention
from pages.overview.live import live_overview
from pages.overview.runs import show_runs
from pages.overview.start import show_how, show_start, show_welcome
from pages.parts.progress import EVERY_SECONDS

store = open_store()
runs = queries.list_runs(store)
own = [run for run in runs if not run.demo]

st.title("Unconfound")
st.markdown(WHAT_THIS_IS)
if not own:
    show_welcome(store, runs)
else:
    show_attention(store, runs)
    if queries.list_jobs(store, active=True, limit=1):
        st.fragment(live_overview, run_every=EVERY_SECONDS)(store)
    show_start(store, runs)
if runs:
    show_runs(runs)
if not own:
    show_how()
