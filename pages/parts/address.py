"""The address of a page: what is chosen stands there, so that a link brings the same view back."""

from collections.abc import Sequence

import streamlit as st


def go_to(**changes: str | int | None) -> None:
    """Change the address; None takes a part out. An address that says so already is left alone."""
    for name, value in changes.items():
        if value is None or value == "":
            if name in st.query_params:
                del st.query_params[name]
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def put_list(name: str, values: Sequence[str]) -> None:
    """Write several values of one name into the address, each with a part of its own; none take it out."""
    if list(values) == st.query_params.get_all(name):
        return
    if values:
        st.query_params[name] = list(values)
    elif name in st.query_params:
        del st.query_params[name]
