"""What the server itself has to know of the sign-in: Streamlit's secrets for it, and who a request's cookie is.

Streamlit does the OpenID Connect part (`st.login`, the routes /auth/login, /auth/logout and /oauth2callback) and keeps what
the provider said in a cookie that it signs. The pages learn of it over their socket; requests for anything else are looked
at here, with the same signature and the same list of people.
"""

import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.types import Scope
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from core.errors import UserError
from core.people import person_of
from core.settings import Settings, get_settings

CALLBACK = "/oauth2callback"


def secrets_of_sign_in(settings: Settings) -> dict[str, Any] | None:
    """The section `[auth]` that Streamlit reads, made from the settings; None where nobody signs in.

    Raises:
        UserError: the server is set up so that the sign-in would be asked for in vain, or could be gone around.
    """
    if not settings.signs_in:
        if secrets_singleton.load_if_toml_exists() and "auth" in secrets_singleton:
            raise UserError(
                "There is a section [auth] in Streamlit's secrets, but people sign in at Unconfound by UNCONFOUND_OIDC_* "
                "(docs/deploy.md). Set these, or take the section away."
            )
        return None
    if st.get_option("server.trustedUserHeaders"):
        raise UserError(
            "server.trustedUserHeaders would let a header say who somebody is. Take it away to have people sign in."
        )
    if not st.get_option("server.enableXsrfProtection"):
        raise UserError("Without server.enableXsrfProtection nobody can sign in. Turn it on.")
    base = "/" + st.get_option("server.baseUrlPath").strip("/")
    if (urlsplit(settings.public_url or "").path.rstrip("/") or "/") != base:
        raise UserError(
            f"UNCONFOUND_PUBLIC_URL has to end in the path that the server stands under, {base}; it is {settings.public_url}."
        )
    assert settings.oidc_client_secret is not None
    assert settings.oidc_cookie_secret is not None
    return {
        "auth": {
            "redirect_uri": str(settings.public_url).rstrip("/") + CALLBACK,
            "cookie_secret": settings.oidc_cookie_secret.get_secret_value(),
            "client_id": str(settings.oidc_client_id),
            "client_secret": settings.oidc_client_secret.get_secret_value(),
            "server_metadata_url": str(settings.oidc_metadata_url),
        }
    }


def cookie_of_a_person(scope: Scope) -> bool:
    """Whether a request carries the cookie of somebody who may come in."""
    try:
        return person_of(get_settings(), _claims(scope)) is not None
    except UserError:
        return False


def _claims(scope: Scope) -> dict[str, Any]:
    cookies: SimpleCookie = SimpleCookie()
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                cookies.load(value.decode("latin-1"))
            except CookieError:
                return {}
    secret = get_cookie_secret()

    def one(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies[name].value.encode("latin-1")) if name in cookies else None

    try:
        claims = json.loads(get_cookie_with_chunks(one, USER_COOKIE_NAME) or b"{}")
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def secure(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer; where people come over TLS, its cookies never go anywhere else."""
    public = get_settings().public_url or ""
    if not public.startswith("https://"):
        return list(headers)
    return [
        (
            name,
            value + b"; Secure"
            if name.lower() == b"set-cookie" and b"secure" not in value.lower().split(b"; ")
            else value,
        )
        for name, value in headers
    ]
