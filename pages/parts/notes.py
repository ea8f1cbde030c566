"""A run's note: shown as Markdown that can do no harm, and written."""

import streamlit as st

from core.actions.annotating import LONGEST_NOTE, set_note
from core.errors import UserError
from core.formats import plain
from core.store import queries
from core.views.notes import safe_markdown
from pages.parts.owners import why_not_runs
from pages.parts.saying import say
from pages.parts.store import open_store

ABOUT = (
    "Markdown: **bold**, *italics*, `code`, lists, quotations and links. Pictures and HTML are shown as they are typed."
)


def show_note(note: str) -> None:
    """The note, if there is one."""
    if note:
        with st.container(border=True):
            st.caption(":material/sticky_note_2: Note")
            st.markdown(safe_markdown(note))


def edit_note(run_id: str, note: str, *, key: str) -> None:
    """A button that opens the note for writing."""
    why = why_not_runs([run_id])
    # The key changes with the note, so that the box closes when it has been kept.
    with st.popover(
        "Edit the note" if note else "Add a note",
        icon=":material/edit_note:",
        key=f"{key}-box-{hash(note)}",
        disabled=why is not None,
        help=why,
    ):
        st.text_area("Note", value=note, max_chars=LONGEST_NOTE, height=220, key=f"{key}-text-{hash(note)}", help=ABOUT)
        st.button(
            "Keep it",
            key=f"{key}-keep",
            type="primary",
            icon=":material/check:",
            on_click=_keep,
            args=(run_id, f"{key}-text-{hash(note)}"),
        )


def _keep(run_id: str, key: str) -> None:
    store = open_store()
    try:
        set_note(store, queries.get_run(store, run_id), st.session_state[key] or "")
    except UserError as error:
        say(plain(str(error)), icon=":material/error:")
    else:
        say("Kept." if st.session_state[key] else "The note is cleared.", icon=":material/check:")
    st.rerun()  # the whole page, also where the button stands in a fragment
