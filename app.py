"""The server: `streamlit run app.py`.

Before the first visit it brings the store up to date, puts the precomputed demo into an empty one and sees to it that a
worker runs. What a visitor sees begins in `pages/main.py`.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.system.imports import importing

with importing():
    from core.actions.startup import open_house
    from core.api.door import Door
    from core.api.service import routes
    from core.errors import UserError
    from core.settings import get_settings
    from pages.parts.sign_in.server import cookie_of_a_person, secrets_of_sign_in, secure
    from pages.parts.sign_in.way_back import WayBack

log = logging.getLogger("unconfound")

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class SecurityHeaders:
    """Adds the headers that tell a browser not to guess types, not to be framed and not to leak addresses or cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to the start of its answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *secure(message["headers"]),
                    *(pair for pair in HEADERS if pair[0] not in present),
                ]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Once a server: open the store, start the worker, and hold the mark that keeps it from leaving."""
    with open_house(get_settings()):
        yield {}


def explain(error: Exception) -> bool:
    """Say in words what went wrong; the traceback goes to the server's log."""
    if isinstance(error, UserError):
        st.error(str(error), icon=":material/error:")
    else:
        log.exception("a page failed", exc_info=error)
        st.error(
            "This page stopped on an error of ours. Nothing that is stored was changed, and jobs in the background go on. "
            "Reload the page; if it happens again, the server's log has the details.",
            icon=":material/error:",
        )
    return True


BASE = str(st.get_option("server.baseUrlPath"))
app = st.App(
    "pages/main.py",
    lifespan=lifespan,
    routes=routes(BASE),
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(Door, signed_in=cookie_of_a_person, base=BASE),
        Middleware(WayBack, base=BASE),
    ],
    secrets=secrets_of_sign_in(get_settings()),
    on_script_error=explain,
)
