"""Jobs: who works, what waits, what has ended, and what each job printed."""

import streamlit as st

from core.store import queries
from pages.jobs.detail import show_job
from pages.jobs.ended import show_ended
from pages.jobs.live import live_jobs
from pages.parts.progress import EVERY_SECONDS
from pages.parts.store import open_store

store = open_store()
chosen = st.query_params.get("job")

st.title("Jobs")
st.caption(
    "Training and diagnoses run in the background. Closing this tab, or restarting the dashboard, ends none of them."
)
if chosen:
    show_job(store, chosen)
else:
    active = bool(queries.list_jobs(store, active=True, limit=1))
    watching = active or not queries.live_workers(store)
    st.fragment(live_jobs, run_every=EVERY_SECONDS if watching else None)(store)
    show_ended(store)
