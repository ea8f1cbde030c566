"""Data: from a file, or a bundled sample, to a data set that has been looked at; and those that are kept."""

import streamlit as st

from pages.data.new import show_new
from pages.data.stored import show_dataset, show_list
from pages.parts.store import open_store

store = open_store()
chosen = st.query_params.get("dataset")

if chosen:
    show_dataset(store, chosen)
else:
    st.title("Data")
    st.caption(
        "Labelled text with a column that says which confound each example has. Nothing is stored until you keep it."
    )
    show_list(store)
    show_new(store)
