"""A small OpenID Connect provider: authorization code flow with PKCE, state and nonce, RS256. It runs on this machine.

Who signs in is chosen on its page from `PEOPLE`. It is strict: what a client leaves out ends the sign-in.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.browser.server import free_port

PEOPLE: dict[str, dict[str, Any]] = {
    "Ann": {"email": "Ann@example.org", "email_verified": True},
    "Ben": {"email": "ben@example.org", "email_verified": True},
    "Root": {"email": "root@example.org", "email_verified": True},
    "Eve": {"email": "eve@elsewhere.example", "email_verified": True},
    "Unverified": {"email": "ann@example.org", "email_verified": False},
}
CLIENT, SECRET = "unconfound", "the-secret-of-the-client"


@dataclass
class Provider:
    """A running provider, and what it was asked."""

    url: str
    asked: list[dict[str, str]] = field(default_factory=list)

    def settings(self, public_url: str) -> dict[str, str]:
        """What a server needs to have people sign in here."""
        return {
            "UNCONFOUND_OIDC_METADATA_URL": f"{self.url}/.well-known/openid-configuration",
            "UNCONFOUND_OIDC_CLIENT_ID": CLIENT,
            "UNCONFOUND_OIDC_CLIENT_SECRET": SECRET,
            "UNCONFOUND_OIDC_COOKIE_SECRET": "a-secret-for-cookies-of-32-signs-or-more",
            "UNCONFOUND_PUBLIC_URL": public_url,
        }


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider, as long as the block runs."""
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(_app(provider), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)


def _app(provider: Provider) -> Starlette:
    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    codes: dict[str, dict[str, str]] = {}

    async def metadata(_request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": provider.url,
                "authorization_endpoint": f"{provider.url}/authorize",
                "token_endpoint": f"{provider.url}/token",
                "jwks_uri": f"{provider.url}/keys",
                "end_session_endpoint": f"{provider.url}/end",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def keys(_request: Request) -> Response:
        return JSONResponse({"keys": [key.as_dict(private=False)]})

    async def authorize(request: Request) -> Response:
        asked = dict(request.query_params)
        provider.asked.append(asked)
        for name in ("state", "nonce", "code_challenge", "redirect_uri"):
            assert asked[name], name
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert asked["code_challenge_method"] == "S256"
        links = "".join(f'<p><a href="/as/{escape(one)}?{escape(urlencode(asked))}">{one}</a></p>' for one in PEOPLE)
        return HTMLResponse(f"<!doctype html><title>Provider</title><h1>Who are you?</h1>{links}")

    async def as_somebody(request: Request) -> Response:
        asked, code = dict(request.query_params), secrets.token_urlsafe()
        codes[code] = {**asked, "who": request.path_params["who"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def token(request: Request) -> Response:
        form = await request.form()
        basic = request.headers.get("authorization", "").removeprefix("Basic ")
        given = codes.pop(str(form["code"]), None)
        challenge = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        if (
            given is None
            or base64.b64decode(basic).decode() != f"{CLIENT}:{SECRET}"
            or base64.urlsafe_b64encode(challenge).decode().rstrip("=") != given["code_challenge"]
            or form["redirect_uri"] != given["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        moment = int(time.time())
        claims = {
            "iss": provider.url,
            "aud": CLIENT,
            "sub": f"id-of-{given['who']}",
            "iat": moment,
            "exp": moment + 300,
            "nonce": given["nonce"],
            **PEOPLE[given["who"]],
        }
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        answer = {
            "access_token": secrets.token_urlsafe(),
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": signed,
        }
        return Response(json.dumps(answer), media_type="application/json", headers={"Cache-Control": "no-store"})

    async def end(request: Request) -> Response:
        return RedirectResponse(request.query_params["post_logout_redirect_uri"])

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", metadata),
            Route("/keys", keys),
            Route("/authorize", authorize),
            Route("/as/{who}", as_somebody),
            Route("/token", token, methods=["POST"]),
            Route("/end", end),
        ]
    )
