"""Train: choose data, encoder and settings; watch a run; see what it reached."""

import streamlit as st

from core.store.engine import open_store
from pages.train.form import show_form
from pages.train.run_view import show_run

store = open_store()
run = st.query_params.get("run")

if run:
    show_run(store, run)
else:
    st.title("Train")
    show_form(store, clone=st.query_params.get("clone"), dataset=st.query_params.get("dataset"))
