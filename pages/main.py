"""Runs on every visit: the navigation. Each page is a folder of its own."""

from pathlib import Path

import streamlit as st

LOGO = str(Path(__file__).parent / "parts" / "logo.svg")

st.set_page_config(page_title="Unconfound", page_icon=LOGO, layout="wide")
st.logo(LOGO, size="large")
st.navigation(
    [
        st.Page("overview/page.py", title="Overview", icon=":material/home:", default=True),
        st.Page("data/page.py", title="Data", icon=":material/table_view:", url_path="data"),
        st.Page("train/page.py", title="Train", icon=":material/model_training:", url_path="train"),
        st.Page("diagnose/page.py", title="Diagnose", icon=":material/query_stats:", url_path="diagnose"),
        st.Page("tune/page.py", title="Tune", icon=":material/healing:", url_path="tune"),
        st.Page("try_it/page.py", title="Try", icon=":material/keyboard:", url_path="try"),
        st.Page("jobs/page.py", title="Jobs", icon=":material/checklist:", url_path="jobs"),
    ],
    position="top",
).run()
