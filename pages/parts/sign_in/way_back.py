"""Whoever opens a deep link and has to sign in first comes to that link afterwards.

Streamlit sends everybody to the first page. So what somebody who has not signed in asks for is kept in a cookie of ten
minutes, and when the provider has sent him back, it is where he is sent on. It is only ever an address of this server.
"""

import re
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings import get_settings
from pages.parts.sign_in.server import CALLBACK, cookie_of_a_person

COOKIE = "unconfound_way_back"
SECONDS = 600
LONGEST = 1500
_OWN = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # a path of this server, as a browser sends it: no other host, no backslash
_NO_PAGE = ("/auth/", "/api/", "/_stcore/", "/static/", "/media/", CALLBACK)


class WayBack:
    """Keeps the address that somebody wanted until he has signed in.

    Args:
        base: the path that the whole server stands under.
    """

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self.app = app
        self.base = f"/{base.strip('/')}" if base.strip("/") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; keep where it wanted to go, or send it there."""
        if scope["type"] != "http" or scope["method"] != "GET" or not get_settings().signs_in:
            await self.app(scope, receive, send)
            return
        path, change = scope["path"].removeprefix(self.base), []
        wanted = None
        if path == CALLBACK:
            wanted = _kept(scope)
            change = [self._cookie("", 0)]
        elif not path.startswith(_NO_PAGE) and _asks_for_a_page(scope) and not cookie_of_a_person(scope):
            asked = (scope.get("raw_path") or b"/").decode("latin-1").partition("?")[0]
            asked += f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            change = [self._cookie(quote(asked, safe="/"), SECONDS)] if self._is_own(asked) else []

        async def with_way_back(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *change]
                if wanted is not None and self._is_own(wanted) and message["status"] == 302:
                    home = f"{self.base}/".encode()
                    headers = [
                        (name, wanted.encode() if name.lower() == b"location" and value == home else value)
                        for name, value in headers
                    ]
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, with_way_back)

    def _cookie(self, value: str, seconds: int) -> tuple[bytes, bytes]:
        said = f"{COOKIE}={value}; Path={self.base or '/'}; Max-Age={seconds}; HttpOnly; SameSite=Lax"
        return b"set-cookie", said.encode()

    def _is_own(self, address: str) -> bool:
        return len(address) <= LONGEST and address.startswith(f"{self.base}/") and _OWN.fullmatch(address) is not None


def _asks_for_a_page(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _kept(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                found = SimpleCookie(value.decode("latin-1"))
            except CookieError:
                return None
            if COOKIE in found:
                return unquote(found[COOKIE].value)
    return None
