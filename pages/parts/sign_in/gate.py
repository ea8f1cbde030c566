"""The sign-in: who is there, the page for whoever is nobody yet, and the line that says as whom one is signed in.

Nothing is read from the store before `ask_to_sign_in` has returned, and the pages' own `open_store` asks once more.
"""

from collections.abc import Sequence

import streamlit as st

from core.errors import UserError
from core.formats import plain
from core.people import NotLetInError, Person, person_of
from core.settings import get_settings


def who() -> Person | None:
    """Who is there; None where nobody signs in.

    Raises:
        UserError: people sign in, and this is nobody, or nobody who may come in.
    """
    settings = get_settings()
    if not settings.signs_in:
        return None
    person = person_of(settings, st.user.to_dict())
    if person is None:
        raise UserError("You are not signed in, or were so too long ago. Reload the page to sign in.")
    return person


def ask_to_sign_in(paths: Sequence[str]) -> None:
    """Go on where nobody has to sign in, or somebody has; else draw the page that asks for it, and nothing else.

    Args:
        paths: the addresses of the pages; whoever opens one is asked there.
    """
    if not get_settings().signs_in:
        return
    try:
        person, refusal = person_of(get_settings(), st.user.to_dict()), None
    except NotLetInError as error:
        person, refusal = None, str(error)
    if person is not None:
        return

    def page() -> None:
        _sign_in_page(refusal)

    st.navigation(
        [st.Page(page, title="Sign in", url_path=path, default=not path) for path in paths], position="hidden"
    ).run()
    st.stop()


def _sign_in_page(refusal: str | None) -> None:
    with st.container(horizontal_alignment="center", gap="medium", key="sign-in"):
        st.title("Unconfound", width="content", anchor=False)
        if refusal is None:
            st.button("Sign in", type="primary", icon=":material/login:", key="sign-in-do", on_click=st.login)
        else:
            st.error(plain(refusal), icon=":material/block:", width=560)
            st.button("Sign in as somebody else", icon=":material/logout:", key="sign-in-again", on_click=st.logout)


def show_who() -> None:
    """As whom one is signed in, and the way out; nothing where nobody signs in."""
    person = who()
    if person is None:
        return
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="who"):
        kind = ", an admin" if person.admin else ""
        st.caption(f"Signed in as {plain(person.email)}{kind}", width="content")
        st.button("Sign out", type="tertiary", icon=":material/logout:", key="sign-out", on_click=st.logout)
