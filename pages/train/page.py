"""Train: choose data, encoder and settings; watch a run; see what it reached."""

import streamlit as st

from core.formats import plain
from core.store import queries
from pages.parts.store import open_store
from pages.train.form import show_form
from pages.train.run_view import show_run

store = open_store()
run = st.query_params.get("run")

if run:
    show_run(store, run)
else:
    st.title("Train")
    at_work = {job.run_id: job.run for job in queries.list_jobs(store, active=True) if job.run_id and job.run}
    if at_work:
        with st.container(horizontal=True):
            for run_id, name in list(at_work.items())[:3]:
                st.page_link(
                    "train/page.py",
                    label=f"Watch {plain(name)}",
                    icon=":material/monitoring:",
                    query_params={"run": run_id},
                )
    asked = st.query_params
    show_form(store, clone=asked.get("clone"), dataset=asked.get("dataset"), method=asked.get("method"))
