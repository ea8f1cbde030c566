"""Overview: what this is, where to begin, what runs, what needs attention, and every run."""

import streamlit as st

from core.actions.attention import attention
from core.settings import get_settings
from core.store import queries
from core.views.texts import WHAT_THIS_IS
from pages.overview.attention import show_attention
from pages.overview.live import live_overview
from pages.overview.runs import show_runs
from pages.overview.start import show_how, show_start, show_welcome
from pages.parts.keeping import deleted_runs, removable, show_undo
from pages.parts.progress import EVERY_SECONDS
from pages.parts.store import open_store

store = open_store()
runs = queries.list_runs(store)
deleted = deleted_runs(store)
own = [run for run in runs if not run.demo]

st.title("Unconfound")
st.markdown(WHAT_THIS_IS)
show_undo(deleted)
if not own:
    show_welcome(store, runs)
show_attention(attention(store, get_settings(), runs), deleted=removable(deleted))
if own:
    if queries.list_jobs(store, active=True, limit=1):
        st.fragment(live_overview, run_every=EVERY_SECONDS)(store)
    show_start(store, runs)
if runs or deleted:
    show_runs(store, runs, deleted)
if not own:
    show_how()
