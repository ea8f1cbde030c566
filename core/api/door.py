"""Who comes in at all, before any page or route: to which address of this machine, and under which name.

Two attacks end here. A server that somebody opened to a network would show everything to whoever reaches it; so what comes
to an address that is not this machine's own (loopback) is refused until people sign in, here or, as a setting says, at a
proxy. And a foreign site in somebody's browser could give its own name the address 127.0.0.1 and read the answers (DNS
rebinding); so only names of this machine, bare IP addresses and the names of a setting are answered.

Where people sign in here, this is also what stands before all that gives data away beside the pages' own socket: whoever
has no cookie of ours gets the page that asks him to sign in, with what it is made of, and nothing else. The API has a
guard of its own.

The address is the one that the connection came to, which nobody can forge, and not the one that the server was told to
bind to, which there are many ways to tell.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import UserError
from core.settings import Settings, get_settings

HEALTH = "/_stcore/health"

_CLOSED = (
    "This server does not ask anybody to sign in, so it answers nobody but its own machine. To open it to others, have people "
    "sign in (UNCONFOUND_OIDC_*, see docs/deploy.md), or put a proxy that signs people in before it and set "
    "UNCONFOUND_PROXY_SIGNS_IN=true where the server is started (see SECURITY.md)."
)
_STRANGE = (
    "This server is not known under the name that was asked for. If it should be, set UNCONFOUND_ALLOWED_HOSTS to that name "
    "where the server is started."
)


_UNKNOWN = "Sign in first: open this server in a browser."

_HIDING = ("_stcore", "media", "component", "app")
"""Where the dashboard keeps what it hands out: uploads, downloads, pictures, scripts of components."""
_PLAIN = ("/_stcore/health", "/_stcore/host-config", "/_stcore/stream")
"""What the page that asks one to sign in needs of it; what is drawn over the socket is the page's own business."""

SignedIn = Callable[[Scope], bool]


class Door:
    """Stands before everything that the server answers, pages and their sockets included.

    Args:
        signed_in: whether a request comes from somebody who has signed in and may come in.
        base: the path that the whole server stands under.
    """

    def __init__(self, app: ASGIApp, signed_in: SignedIn | None = None, base: str = "") -> None:
        self.app = app
        self.signed_in = signed_in or _nobody
        self.base = f"/{base.strip('/')}" if base.strip("/") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            refusal = refused(get_settings(), scope) or self._without_sign_in(get_settings(), scope)
        except UserError as error:
            refusal = (503, str(error))
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # its request to be let in
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(refusal[1], status_code=refusal[0])(scope, receive, send)

    def _without_sign_in(self, settings: Settings, scope: Scope) -> tuple[int, str] | None:
        if not settings.signs_in:
            return None
        path = str(scope["path"]).removeprefix(self.base)
        hides = path.lstrip("/").split("/", 1)[0] in _HIDING and path not in _PLAIN
        return (401, _UNKNOWN) if hides and not self.signed_in(scope) else None


def _nobody(_scope: Scope) -> bool:
    return False


def refused(settings: Settings, scope: Scope) -> tuple[int, str] | None:
    """The status and the sentence of a refusal, or None."""
    if scope["type"] == "http" and scope["path"].endswith(HEALTH):  # says "ok" and nothing else
        return None
    server = scope.get("server")
    if not settings.proxy_signs_in and not settings.signs_in and server is not None and not _is_own(server[0]):
        return 403, _CLOSED
    if "*" in settings.allowed_hosts or _is_known(_hosts(scope["headers"]), settings):
        return None
    return 421, _STRANGE


def _is_own(address: str) -> bool:
    """Whether only this machine reaches an address. A socket in the file system is one, too."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address.startswith("/") or address == "localhost"


def _hosts(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name == b"host"]


def _is_known(hosts: list[str], settings: Settings) -> bool:
    if len(hosts) != 1:
        return False
    name = _without_port(hosts[0].strip().lower()).removesuffix(".")
    known = {"localhost", socket.gethostname().lower(), *(one.lower() for one in settings.allowed_hosts)}
    return name in known or name.endswith(".localhost") or _is_address(name)


def _without_port(host: str) -> str:
    if host.startswith("["):
        address, closed, _ = host[1:].partition("]")
        return address if closed else ""
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    """A bare address cannot be given to another machine by a name server."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
