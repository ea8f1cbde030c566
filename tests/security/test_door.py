"""Nobody comes in by an address or a name that was not opened: in the code, and before a real server."""

import asyncio
import http.client
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from starlette.responses import Response

from core.api.door import Door, refused
from core.settings import Settings, get_settings
from tests.browser.server import Dashboard, serving


def asked(
    settings: Settings, *, server: str = "127.0.0.1", host: str | None = "localhost:8501", kind: str = "http"
) -> int | None:
    headers = [] if host is None else [(b"host", one.encode("latin-1")) for one in host.split("\0")]
    found = refused(settings, {"type": kind, "path": "/", "server": (server, 8501), "headers": headers})
    assert found is None or found[1].endswith("."), "a refusal is a sentence"
    return None if found is None else found[0]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "server", ["192.168.1.5", "10.0.0.1", "172.17.0.2", "8.8.8.8", "fd00::2", "0.0.0.0", "gpu-box"]
)
def test_an_open_address_is_refused_without_sign_in(server: str, kind: str) -> None:
    assert asked(Settings(), server=server, host=f"{server}:8501", kind=kind) == 403
    assert (
        asked(Settings(proxy_signs_in=True, allowed_hosts="gpu-box"), server=server, host="gpu-box", kind=kind) is None
    )


SIGN_IN = {
    "oidc_metadata_url": "https://id.example.org/.well-known/openid-configuration",
    "oidc_client_id": "unconfound",
    "oidc_client_secret": "s",
    "oidc_cookie_secret": "x" * 32,
    "public_url": "https://unconfound.example.org",
}


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_an_open_address_is_answered_where_people_sign_in(kind: str) -> None:
    """By tests/browser/test_sign_in.py with the page that asks them to, and nothing else."""
    assert asked(Settings(**SIGN_IN), server="10.0.0.1", host="10.0.0.1", kind=kind) is None
    assert asked(Settings(**SIGN_IN), server="10.0.0.1", host="evil.example", kind=kind) == 421


@pytest.mark.parametrize(
    "path", ["/media/x", "//media/x", "/_stcore/metrics", "/component/a/b.js", "/app/static/x", "/app"]
)
def test_what_hides_data_asks_for_the_cookie(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr("core.api.door.get_settings", lambda: Settings(**SIGN_IN))
    for base in ("", "unconfound"):
        for knows, expected in ((False, 401), (True, 204)):
            answers: list[dict[str, object]] = []

            async def inside(scope: dict, receive: object, send: Any) -> None:
                await Response(status_code=204)(scope, receive, send)

            async def send(message: dict, answers: list = answers) -> None:
                answers.append(message)

            async def receive() -> dict:
                return {"type": "http.request", "body": b"", "more_body": False}

            scope = {
                "type": "http",
                "method": "GET",
                "path": f"/{base}{path}" if base else path,
                "server": ("127.0.0.1", 1),
                "headers": [(b"host", b"localhost")],
            }
            door = Door(inside, signed_in=lambda _, knows=knows: knows, base=base)
            with ThreadPoolExecutor(1) as other:  # a browser of another test may have left a loop in this thread
                other.submit(asyncio.run, door(scope, receive, send)).result()
            assert answers[0]["status"] == expected, (base, path, knows)


@pytest.mark.parametrize("server", ["127.0.0.1", "127.8.8.8", "::1", "/run/unconfound.sock"])
def test_the_machine_itself_comes_in(server: str) -> None:
    assert asked(Settings(), server=server) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8501",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io:8501",
        "evil.example#localhost",
        "localhost@evil.example",
        "localhost\0evil.example",
        "",
        "[::1",
        None,
    ],
)
def test_a_foreign_name_is_refused(host: str | None) -> None:
    """A site of others whose name was given this machine's address: its scripts would be told everything."""
    assert asked(Settings(), host=host) == 421
    assert asked(Settings(allowed_hosts="unconfound.example"), host=host) == 421


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8501", "127.0.0.1:8501", "[::1]:8501", "localhost.", "192.168.1.5", socket.gethostname()],
)
def test_own_names_and_bare_addresses_are_known(host: str) -> None:
    assert asked(Settings(), host=host) is None


def test_names_of_the_setting(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("UNCONFOUND_ALLOWED_HOSTS", "one.example, Two.example")
    get_settings.cache_clear()
    assert asked(get_settings(), host="two.example:443") is None
    assert asked(get_settings(), host="three.example") == 421
    assert asked(Settings(allowed_hosts="*"), host="three.example") is None


# --- before a real server ---


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A server that somebody bound to every address of the machine, with nobody signing in."""
    with serving(
        tmp_path_factory.mktemp("home"), UNCONFOUND_DEMO="false", STREAMLIT_SERVER_ADDRESS="0.0.0.0"
    ) as running:
        yield running


def outer_address() -> str:
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family == socket.AF_INET and not one.address.startswith(("127.", "169.254.")):
                return str(one.address)
    pytest.skip("this machine has no address but its own")


def get(
    url: str, path: str, address: str = "127.0.0.1", method: str = "GET", **headers: str
) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(address, urlsplit(url).port, timeout=30)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.read().decode("utf-8", "replace"), {k.lower(): v for k, v in answer.getheaders()}
    connection.close()
    return found


SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_a_server_that_was_opened_answers_its_own_machine_alone(opened: Dashboard) -> None:
    outside = outer_address()
    for path in ("/", "/data", "/api/v1/runs", "/api/v1/openapi.json", "/static/x", "/_stcore/host-config"):
        status, text, headers = get(opened.url, path, outside)
        assert status == 403, path
        assert "UNCONFOUND_PROXY_SIGNS_IN" in text
        assert headers["x-content-type-options"] == "nosniff"
    assert get(opened.url, "/_stcore/stream", outside, **SOCKET)[0] == 403, "the pages' socket is closed, too"
    assert get(opened.url, "/_stcore/health", outside)[:2] == (200, "ok"), "a health check learns that it lives"
    assert get(opened.url, "/")[0] == 200
    assert get(opened.url, "/api/v1/runs")[0] == 200
    assert get(opened.url, "/_stcore/stream", **SOCKET)[0] == 101


def test_a_foreign_name_reads_nothing(opened: Dashboard) -> None:
    for path in ("/", "/api/v1/runs"):
        status, text, _ = get(opened.url, path, Host="evil.example")
        assert status == 421
        assert "UNCONFOUND_ALLOWED_HOSTS" in text
    assert get(opened.url, "/_stcore/stream", Host="evil.example", **SOCKET)[0] == 403


def test_an_upload_from_another_site_is_refused(opened: Dashboard) -> None:
    """XSRF: without the cookie's token in a header no file is taken."""
    path = "/_stcore/upload_file/session/file"
    for headers in (
        {},
        {"Cookie": "_streamlit_xsrf=x"},
        {"X_Xsrftoken": "x"},
        {"X_Xsrftoken": "x", "Cookie": "_streamlit_xsrf=x"},
    ):
        for method in ("PUT", "DELETE"):
            assert get(opened.url, path, method=method, Content_Length="0", **headers)[0] == 403, (method, headers)


def test_no_other_site_may_read_or_frame(opened: Dashboard) -> None:
    for path in ("/", "/api/v1/runs"):
        _, _, headers = get(opened.url, path, Origin="https://evil.example")
        assert "access-control-allow-origin" not in headers
        assert headers["x-frame-options"] == "SAMEORIGIN"
    assert get(opened.url, "/_stcore/stream", Origin="https://evil.example", **SOCKET)[0] == 403


def test_a_server_that_a_proxy_guards_is_open(tmp_path: Path) -> None:
    outside = outer_address()
    settings = {"UNCONFOUND_PROXY_SIGNS_IN": "true", "UNCONFOUND_ALLOWED_HOSTS": "unconfound.example"}
    with serving(tmp_path / "home", UNCONFOUND_DEMO="false", STREAMLIT_SERVER_ADDRESS="0.0.0.0", **settings) as running:
        assert get(running.url, "/", outside, Host="unconfound.example")[0] == 200
        assert get(running.url, "/", outside, Host="evil.example")[0] == 421
