"""Signing in at a real provider, before a real server: who comes in, what he may do, and what nobody gets."""

import contextlib
import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from itsdangerous import URLSafeTimedSerializer
from playwright.sync_api import Page, WebSocket, expect

from core.actions.training import start_training
from core.people import Person
from core.settings import Settings
from core.store import queries
from core.store.engine import open_store
from tests.browser.provider import Provider, providing
from tests.browser.server import Dashboard, free_port, serving, settle
from tests.pages.synthetic import add_dataset, add_run
from tests.security.test_door import SOCKET, outer_address

ANN = Person("ann@example.org")
TOKEN = "a-token-of-the-server"
SECRET = "a-secret-for-cookies-of-32-signs-or-more"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Where people say who they are."""
    with providing() as running:
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Dashboard]:
    """A server that was opened to a network; Ann has trained a run and waits for another one."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, start_worker=False)
    store = open_store(settings)
    store.migrate()
    dataset = add_dataset(store.acting_as(ANN), "headlines-of-ann")
    add_run(store.acting_as(ANN), dataset, "run-of-ann")
    start_training(store.acting_as(ANN), settings, dataset, name="waiting-of-ann")
    port = free_port()
    url = f"http://localhost:{port}"
    with serving(
        home,
        port=port,
        UNCONFOUND_DEMO="false",
        UNCONFOUND_START_WORKER="false",
        UNCONFOUND_API_TOKEN=TOKEN,
        UNCONFOUND_ALLOWED_PEOPLE="@example.org",
        UNCONFOUND_ADMINS="root@example.org",
        STREAMLIT_SERVER_ADDRESS="0.0.0.0",
        **provider.settings(url),
    ) as running:
        yield running


def sign_in(tab: Page, house: Dashboard, name: str, path: str = "/") -> None:
    tab.goto(f"{house.url}{path}")
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("link", name=name, exact=True).click()
    tab.wait_for_url(f"{house.url}/**")
    settle(tab)


def open_page(tab: Page, house: Dashboard, path: str) -> None:
    tab.goto(f"{house.url}{path}")
    expect(tab.get_by_role("button", name="Sign out")).to_be_visible()
    settle(tab)


def test_without_signing_in_there_is_one_button_and_no_data(tab: Page, house: Dashboard) -> None:
    heard: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: heard.append(frame if isinstance(frame, bytes) else frame.encode()))

    tab.on("websocket", listen)
    run = queries.get_run(house.store, "run-of-ann")
    for path in ("/", f"/train?run={run.id}", "/data?dataset=headlines-of-ann", "/jobs", "/no-such-page"):
        tab.goto(f"{house.url}{path}")
        expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
        settle(tab)
        expect(tab.get_by_role("heading", name="Unconfound")).to_be_visible()
        assert tab.locator('[data-testid="stApp"] [data-testid^="stBaseButton"]').count() == 1
        assert tab.get_by_role("link").all_inner_texts() in ([], ["Skip to main content"])
    assert heard, "the socket was listened to"
    everything = b"".join(heard)
    for secret in (b"of-ann", run.id.encode(), b"ann@example", b"headlines"):
        assert secret not in everything


def test_a_person_uses_what_is_anothers_and_cannot_change_it(tab: Page, house: Dashboard) -> None:
    sign_in(tab, house, "Ben")
    expect(tab.get_by_text(re.compile("Signed in as ben.?@example.org"))).to_be_visible()
    run = queries.get_run(house.store, "run-of-ann")
    open_page(tab, house, f"/train?run={run.id}")
    expect(tab.get_by_text(re.compile("ann.?@example.org"))).to_be_visible()
    for name in ("Rename", "Add a note", "Delete"):
        expect(tab.get_by_role("button", name=name)).to_be_disabled()
    tab.get_by_role("button", name="Diagnose it").first.click()
    settle(tab)
    [diagnosis] = queries.list_jobs(house.store, run_id=run.id)
    assert (diagnosis.kind, diagnosis.owner) == ("diagnose", "ben@example.org")
    open_page(tab, house, "/jobs")
    waiting = next(one for one in queries.list_jobs(house.store) if one.run == "waiting-of-ann")
    expect(tab.locator(f".st-key-job-card-{waiting.id}").get_by_role("button", name="Cancel")).to_be_disabled()
    expect(tab.get_by_role("button", name="Pause the queue")).to_be_disabled()
    tab.locator(f".st-key-job-card-{diagnosis.id}").get_by_role("button", name="Cancel").click()
    expect(tab.locator(f".st-key-job-card-{diagnosis.id}")).to_have_count(0)
    open_page(tab, house, f"/data?dataset={run.dataset_id}")
    expect(tab.get_by_role("button", name="Delete")).to_be_disabled()


def test_signing_out_and_in_as_another(tab: Page, house: Dashboard) -> None:
    run = queries.get_run(house.store, "run-of-ann")
    sign_in(tab, house, "Ann", f"/train?run={run.id}")
    expect(tab.get_by_text(re.compile("Signed in as ann.?@example.org"))).to_be_visible()
    expect(tab.get_by_role("heading", name="run-of-ann")).to_be_visible()  # where she wanted to go
    expect(tab.get_by_role("button", name="Rename")).to_be_enabled()
    # The page offers to sign in at once; the cookie goes with the answer of the route to which it sends the browser.
    with tab.expect_response(lambda answer: urlsplit(answer.url).path == "/auth/logout"):
        tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    assert not [one for one in tab.context.cookies() if one["name"].startswith("_streamlit_user")]
    sign_in(tab, house, "Root")
    expect(tab.get_by_text(re.compile("Signed in as root.?@example.org, an admin"))).to_be_visible()
    open_page(tab, house, f"/train?run={run.id}")
    expect(tab.get_by_role("button", name="Rename")).to_be_enabled()
    open_page(tab, house, "/jobs")
    expect(tab.get_by_role("button", name="Pause the queue")).to_be_enabled()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("Eve", "eve.?@elsewhere.example, who is not on the list"), ("Unverified", "is not verified")],
)
def test_whoever_is_not_on_the_list_is_refused_with_a_sentence(
    tab: Page, house: Dashboard, name: str, sentence: str
) -> None:
    sign_in(tab, house, name, "/data")
    expect(tab.get_by_text(re.compile(sentence))).to_be_visible()
    assert tab.get_by_role("link").all_inner_texts() in ([], ["Skip to main content"])
    assert get(house, "/media/x", Cookie=cookies(tab))[0] == 401
    tab.get_by_role("button", name="Sign in as somebody else").click()
    expect(tab.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example/", "/\\evil.example", "https://evil.example", "/a\r\nSet-Cookie: x=y", "/" + "x" * 2000, ""],
)
def test_the_way_back_leads_nowhere_else(house: Dashboard, wanted: str) -> None:
    connection = http.client.HTTPConnection("localhost", urlsplit(house.url).port, timeout=30)
    connection.request("GET", "/oauth2callback", headers={"Cookie": f"unconfound_way_back={quote(wanted, safe='/')}"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("location"), answer.getheader("x")) == (302, "/", None)


# --- attacks ---


def get(
    house: Dashboard, path: str, address: str = "127.0.0.1", method: str = "GET", **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, urlsplit(house.url).port, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    status = answer.status
    text = "" if status == 101 else answer.read().decode("utf-8", "replace")
    connection.close()
    return status, text


def cookies(tab: Page) -> str:
    return "; ".join(f"{one['name']}={one['value']}" for one in tab.context.cookies())


def forged(house: Dashboard, secret: str, **claims: object) -> str:
    said = {
        "email": "root@example.org",
        "email_verified": True,
        "iat": int(time.time()),
        "origin": house.url,
        "is_logged_in": True,
        "provider": "default",
        **claims,
    }
    return str(URLSafeTimedSerializer(secret, salt="_streamlit_user").dumps(json.dumps(said)))


HIDDEN = ("/media/x", "/_stcore/metrics", "/_stcore/upload_file/s/f", "/_stcore/agent/interact", "/component/x/y.js")


def test_what_gives_data_away_needs_the_cookie(tab: Page, house: Dashboard) -> None:
    for path in (
        *HIDDEN,
        "/_stcore/script-health-check",
        "/_stcore/bidi-components/x/y.js",
        "/app/static/x",
        "//media/x",
    ):
        for method in ("GET", "PUT", "POST", "DELETE"):
            assert get(house, path, method=method)[0] == 401, (method, path)
    for path in ("/_stcore/health", "/_stcore/host-config", "/"):
        assert get(house, path)[0] == 200, path
    sign_in(tab, house, "Ben")
    assert get(house, "/media/x", Cookie=cookies(tab))[0] == 404, "he is let through to what is not there"


@pytest.mark.parametrize(
    ("secret", "claims"),
    [
        ("another-secret-of-a-server-that-is-not-this", {}),
        (SECRET, {"iat": int(time.time()) - 25 * 3600}),
        (SECRET, {"email": "eve@elsewhere.example"}),
        (SECRET, {"email_verified": False}),
        (SECRET, {"is_logged_in": False}),
    ],
    ids=["another server's", "an old one", "not on the list", "not verified", "signed out"],
)
def test_a_cookie_that_is_not_good_shows_nothing(
    tab: Page, house: Dashboard, secret: str, claims: dict[str, object]
) -> None:
    value = forged(house, secret, **claims)
    assert get(house, "/media/x", Cookie=f"_streamlit_user={value}")[0] == 401
    tab.context.add_cookies([{"name": "_streamlit_user", "value": value, "url": house.url}])
    tab.goto(f"{house.url}/jobs")
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    expect(tab.get_by_text("Queue")).to_have_count(0)


def test_a_cookie_made_with_the_servers_secret_would_be_good(house: Dashboard) -> None:
    """So that the test before shows what it says."""
    assert get(house, "/media/x", Cookie=f"_streamlit_user={forged(house, SECRET)}")[0] == 404


def test_garbage_in_cookies_is_nobody(house: Dashboard) -> None:
    for value in ("x", "chunks-9", "_streamlit_user", '"', "a.b.c", "=;=;", "\xff"):
        assert get(house, "/media/x", Cookie=f"_streamlit_user={value}")[0] == 401


def test_headers_of_a_proxy_make_nobody_somebody(tab: Page, house: Dashboard) -> None:
    names = ("X-Forwarded-User", "X-Forwarded-Email", "X-Auth-Request-Email", "Remote-User", "X-Streamlit-User")
    sent = dict.fromkeys(names, "root@example.org")
    assert get(house, "/media/x", **sent)[0] == 401
    tab.context.set_extra_http_headers(sent)
    tab.goto(house.url)
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()


def test_the_api_reads_nothing_to_nobody(tab: Page, house: Dashboard) -> None:
    sign_in(tab, house, "Root")
    for path in ("health", "runs", "datasets", "jobs", "openapi.json", "nothing", "runs/run-of-ann/report"):
        for headers in ({}, {"Cookie": cookies(tab)}, {"Authorization": "Bearer wrong-token-of-length"}):
            assert get(house, f"/api/v1/{path}", **headers)[0] == 401, (path, headers)
    status, text = get(house, "/api/v1/runs", Authorization=f"Bearer {TOKEN}")
    assert (status, "run-of-ann" in text) == (200, True)
    description = json.loads(get(house, "/api/v1/openapi.json", Authorization=f"Bearer {TOKEN}")[1])
    assert "reading, too" in description["info"]["description"]
    assert all("security" in one for path in description["paths"].values() for one in path.values())


def test_the_network_reaches_the_sign_in_and_no_more(house: Dashboard) -> None:
    outside = outer_address()
    assert get(house, "/", outside)[0] == 200, "the house asks itself, so nobody has to say that a proxy does"
    assert get(house, "/", outside, Host="evil.example")[0] == 421
    assert (
        get(house, "/_stcore/stream", outside, **{key.replace("_", "-"): value for key, value in SOCKET.items()})[0]
        == 101
    )
    assert get(house, "/_stcore/stream", Origin="https://evil.example", **SOCKET)[0] == 403
    for path in HIDDEN:
        assert get(house, path, outside)[0] == 401


def test_a_stolen_answer_of_the_provider_is_no_use(tab: Page, house: Dashboard) -> None:
    """Another browser has not asked, so it has neither the state nor the verifier that belong to the code."""
    answers: list[str] = []
    tab.on("request", lambda request: answers.append(request.url) if "/oauth2callback?" in request.url else None)
    sign_in(tab, house, "Ann")
    connection = http.client.HTTPConnection("localhost", urlsplit(house.url).port, timeout=30)
    connection.request("GET", answers[0].removeprefix(house.url))
    answer = connection.getresponse()
    assert answer.status == 302
    assert "_streamlit_user=e" not in str(answer.getheaders())


def test_a_socket_without_a_token_of_the_page_is_nobodys(tab: Page, house: Dashboard) -> None:
    """Another program on the machine has the cookie's site wrong, or no XSRF token: it gets the page that asks."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from websockets.sync.client import connect

    sign_in(tab, house, "Ann")
    for headers in ({}, {"Cookie": cookies(tab)}):
        with connect(f"ws{house.url.removeprefix('http')}/_stcore/stream", additional_headers=headers) as stream:
            message = BackMsg()
            message.rerun_script.query_string = ""
            stream.send(message.SerializeToString())
            heard = b""
            while b"Sign in" not in heard:
                heard += stream.recv(timeout=30)  # type: ignore[operator]
            with contextlib.suppress(TimeoutError):  # and whatever else may come
                while len(heard) < 10**6:
                    heard += stream.recv(timeout=1)  # type: ignore[operator]
        assert b"Sign in" in heard
        assert b"of-ann" not in heard


def test_settings_that_would_let_one_go_around_it_end_the_start(tmp_path: Path, provider: Provider) -> None:
    from streamlit import config

    from core.errors import UserError
    from pages.parts.sign_in.server import secrets_of_sign_in

    environment = provider.settings("http://localhost:1/elsewhere")
    values = {name.removeprefix("UNCONFOUND_").lower(): value for name, value in environment.items()}
    with pytest.raises(UserError, match="UNCONFOUND_PUBLIC_URL"):
        secrets_of_sign_in(Settings(**values))
    good = Settings(**{**values, "public_url": "http://localhost:1"})
    assert secrets_of_sign_in(good) is not None
    for name, value in (("server.trustedUserHeaders", {"X-User": "email"}), ("server.enableXsrfProtection", False)):
        before = config.get_option(name)
        config.set_option(name, value)
        try:
            with pytest.raises(UserError, match=name):
                secrets_of_sign_in(good)
        finally:
            config.set_option(name, before)
