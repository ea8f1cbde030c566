"""Who may write, who may read, and how much may be sent.

Whatever is not a reading method needs the token, whichever route it goes to: a new route cannot forget it. Where people
sign in, so does reading, since nobody is to read who has not said who he is. The token comes in a header only, which no
other site can make a browser send, and cookies mean nothing here.
"""

import hmac
from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.errors import answer
from core.errors import UserError
from core.settings import MEBI, get_settings

_READING = ("GET", "HEAD", "OPTIONS")
BODY_BYTES = MEBI
FORM_BYTES = MEBI
"""What a form may have beside its file."""


class Guard:
    """Stands before every route of the API."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with the body counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            token, closed = get_settings().api_token, get_settings().signs_in
            most = _most_bytes(scope["path"])
        except UserError as error:
            await answer(503, str(error))(scope, receive, send)
            return
        if closed or scope["method"] not in _READING:
            if token is None:
                await answer(403, _CLOSED if closed else _NO_WRITES)(scope, receive, send)
                return
            if not _is_right(scope["headers"], token.get_secret_value()):
                refusal = answer(401, _REFUSED, {"WWW-Authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
        said = _length(scope["headers"])
        if said is not None and said > most:
            await answer(413, _too_large(most), {"Connection": "close"})(scope, receive, send)
            return
        await self.app(scope, _counted(receive, most), send)


_NO_WRITES = (
    "This server takes no writes over the API. Set UNCONFOUND_API_TOKEN to a secret of 16 characters or more where "
    "the server is started, and send it as: Authorization: Bearer SECRET"
)
_CLOSED = (
    "People sign in at this server, so the API answers nobody without a token. Set UNCONFOUND_API_TOKEN to a secret of 16 "
    "characters or more where the server is started, and send it as: Authorization: Bearer SECRET"
)
_REFUSED = "This needs the token of the server. Send it as: Authorization: Bearer SECRET"


def _is_right(headers: Iterable[tuple[bytes, bytes]], token: str) -> bool:
    """One `Authorization` header with the token, compared in a time that does not tell where they differ."""
    sent = [value for name, value in headers if name == b"authorization"]
    if len(sent) != 1:
        return False
    scheme, _, value = sent[0].partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(value.strip(), token.encode())


def _most_bytes(path: str) -> int:
    """A file to evaluate may be as large as an upload; all else is a small JSON object."""
    return get_settings().max_upload_mb * MEBI + FORM_BYTES if path.endswith("/evaluations") else BODY_BYTES


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    values = [value for name, value in headers if name == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() and len(values[0]) < 20 else None


def _too_large(most: int) -> str:
    return f"The body is larger than {most // MEBI} MiB, the most that is taken here."


def _counted(receive: Receive, most: int) -> Receive:
    """The body as it comes, up to so many bytes, whatever its headers say."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, _too_large(most))
        return message

    return counted
