"""Runs on every visit: the sign-in where there is one, the navigation, and what every page has around it. Each page is a folder of its own."""

from pathlib import Path

import streamlit as st

from pages.parts.glossary import show_foot
from pages.parts.saving import choice_at_the_foot
from pages.parts.saying import show_said
from pages.parts.sign_in.gate import ask_to_sign_in, show_who
from pages.parts.tour import show_tour

PARTS = Path(__file__).parent / "parts"
LOGO = str(PARTS / "logo.svg")

st.set_page_config(page_title="Unconfound", page_icon=LOGO, layout="wide")
st.logo(LOGO, size="large")
st.html(PARTS / "look.css")
PAGES = [
    st.Page("overview/page.py", title="Overview", icon=":material/home:", default=True),
    st.Page("data/page.py", title="Data", icon=":material/table_view:", url_path="data"),
    st.Page("train/page.py", title="Train", icon=":material/model_training:", url_path="train"),
    st.Page("diagnose/page.py", title="Diagnose", icon=":material/query_stats:", url_path="diagnose"),
    st.Page("tune/page.py", title="Tune", icon=":material/healing:", url_path="tune"),
    st.Page("compare/page.py", title="Compare", icon=":material/balance:", url_path="compare"),
    st.Page("try_it/page.py", title="Try", icon=":material/keyboard:", url_path="try"),
    st.Page("jobs/page.py", title="Jobs", icon=":material/checklist:", url_path="jobs"),
]
ask_to_sign_in([one.url_path for one in PAGES])
page = st.navigation(PAGES, position="top")
show_who()
show_tour(page.url_path)
with choice_at_the_foot():
    page.run()
show_foot()
show_said()
