"""Who is let in, by what a provider says of him, and settings that would let in others than was meant."""

import ast
import time
from typing import Any

import pytest

from core.errors import UserError
from core.people import NotLetInError, Person, person_of
from core.settings import PROJECT, Settings, get_settings
from tests.security.test_door import SIGN_IN


def who(claims: dict[str, Any] | None = None, **settings: Any) -> Person | None:
    said = {
        "is_logged_in": True,
        "email": "Ann@Example.org",
        "email_verified": True,
        "iat": time.time(),
        **(claims or {}),
    }
    return person_of(Settings(**SIGN_IN, **settings), {key: value for key, value in said.items() if value != "absent"})


def test_whoever_the_provider_vouches_for_comes_in() -> None:
    assert who() == Person("ann@example.org", admin=False, may_queue=100)
    assert who(admins="ANN@example.org") == Person("ann@example.org", admin=True, may_queue=100)
    assert who({"email_verified": "true"}, allowed_people="@example.org") is not None
    assert who(allowed_people="ben@example.org, ann@EXAMPLE.org") is not None
    assert who({"email_verified": "absent"}, oidc_trust_email=True) is not None


@pytest.mark.parametrize(
    "claims",
    [
        {"is_logged_in": False},
        {"is_logged_in": "true"},
        {"is_logged_in": "absent"},
        {"iat": "absent"},
        {"iat": "now"},
        {"iat": time.time() - 25 * 3600},
        {"iat": time.time() + 3600},
        {"iat": True},
    ],
)
def test_nobody_is_nobody(claims: dict[str, Any]) -> None:
    assert who(claims) is None
    assert person_of(Settings(), {"is_logged_in": True, "email": "a@b.example", "email_verified": True}) is None


@pytest.mark.parametrize(
    ("claims", "settings"),
    [
        ({"email_verified": False}, {}),
        ({"email_verified": False}, {"oidc_trust_email": True}),
        ({"email_verified": "absent"}, {}),
        ({"email_verified": 1.5}, {}),
        ({"email_verified": None}, {"oidc_trust_email": True}),
        ({"email": "absent"}, {}),
        ({"email": ["ann@example.org"]}, {}),
        ({"email": "ann"}, {}),
        ({"email": "a@b@example.org"}, {"allowed_people": "@example.org"}),
        ({"email": "ann@example.org\n@x"}, {}),
        ({"email": f"{'a' * 260}@example.org"}, {}),
        ({"email": "ann@evil-example.org"}, {"allowed_people": "@example.org"}),
        ({"email": "ann@example.org.evil.example"}, {"allowed_people": "@example.org"}),
        ({"email": "ann@sub.example.org"}, {"allowed_people": "@example.org"}),
        ({"email": "ben@example.org"}, {"allowed_people": "ann@example.org"}),
    ],
)
def test_whoever_is_not_meant_stays_outside(claims: dict[str, Any], settings: dict[str, Any]) -> None:
    with pytest.raises(NotLetInError) as refused:
        who(claims, **settings)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("UNCONFOUND_OIDC_CLIENT_ID", "x", "UNCONFOUND_OIDC_METADATA_URL"),
        ("UNCONFOUND_OIDC_COOKIE_SECRET", "short", "UNCONFOUND_OIDC_COOKIE_SECRET"),
        ("UNCONFOUND_ALLOWED_PEOPLE", "@example.org", "mean nothing"),
        ("UNCONFOUND_ALLOWED_PEOPLE", "example.org", "no e-mail address"),
        ("UNCONFOUND_ADMINS", "@example.org", "no e-mail address"),
        ("UNCONFOUND_PUBLIC_URL", "unconfound.example.org", "UNCONFOUND_PUBLIC_URL"),
    ],
)
def test_half_a_sign_in_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    with pytest.raises(UserError, match=said) as refused:
        get_settings()
    assert "short" not in str(refused.value), "a secret is not told"


def test_secrets_of_the_sign_in_are_not_told() -> None:
    shown = repr(Settings(**SIGN_IN, api_token="t" * 16))
    assert "x" * 32 not in shown
    assert "'s'" not in shown


def test_pages_open_the_store_in_one_place() -> None:
    """There it acts for who is signed in; opened elsewhere, a page would act for the operator."""
    found = []
    for path in (PROJECT / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if (
                (isinstance(node, ast.ImportFrom) and node.module == "core.store.engine" and "open_store" in names)
                or (isinstance(node, ast.ImportFrom) and node.module == "core.store" and "engine" in names)
                or any(name.startswith("core.store.engine") for name in names)
                or (isinstance(node, ast.Attribute) and node.attr == "acting_as" and path.name != "store.py")
            ):
                found.append(path.name)
    assert found == ["store.py"]
