"""The address of a page: what is chosen stands there, so that a link brings the same view back."""

import streamlit as st


def go_to(**changes: str | int | None) -> None:
    """Change the address; None takes a part out. An address that says so already is left alone."""
    for name, value in changes.items():
        if value is None or value == "":
            if name in st.query_params:
                del st.query_params[name]
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)
