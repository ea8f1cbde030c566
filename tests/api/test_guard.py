"""Who may write, what may be sent, and that whatever goes wrong is answered in JSON without a word of the inside."""

import subprocess
import sys
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.api.service import build
from core.errors import UserError
from core.jobs.ray_executor import RayExecutor
from core.settings import PROJECT, Settings, get_settings
from core.store import queries
from core.store.engine import Store
from core.store.trouble import StoreTroubleError
from tests.pages import synthetic

DESCRIPTION = build().openapi()
WRITES = [
    (method.upper(), path, operation)
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
    if method != "get"
]
BODY = {"dataset": "headlines", "encoder": "tiny"}


def problem(found: Any, status: int, code: str) -> str:
    assert found.status_code == status, found.text
    assert found.headers["content-type"] == "application/json"
    assert set(found.json()) == {"error"}
    assert found.json()["error"]["code"] == code
    return str(found.json()["error"]["message"])


@pytest.mark.parametrize(("method", "path", "operation"), WRITES, ids=[f"{one[0]} {one[1]}" for one in WRITES])
def test_every_write_needs_the_token(
    client: TestClient, token: str, store: Store, method: str, path: str, operation: dict[str, Any]
) -> None:
    address = path.replace("{run}", "a").replace("{job}", "b")
    assert operation["security"] == [{"token": []}]
    found = client.request(method, address, json={})
    problem(found, 401, "no_token")
    assert found.headers["www-authenticate"] == "Bearer"
    assert client.request(method, address, json={}, headers={"Authorization": f"Bearer {token}"}).status_code != 401


@pytest.mark.parametrize(("method", "path", "operation"), WRITES, ids=[f"{one[0]} {one[1]}" for one in WRITES])
def test_a_server_without_a_token_takes_no_writes(
    client: TestClient, method: str, path: str, operation: dict[str, Any]
) -> None:
    found = client.request(method, path, json={}, headers={"Authorization": "Bearer "})
    assert "Set UNCONFOUND_API_TOKEN" in problem(found, 403, "writing_is_off")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong-token-wrong-token"},
        {"Authorization": "Bearer a-token-of-sixteen-or-mor"},
        {"Authorization": "Basic a-token-of-sixteen-or-more"},
        {"Authorization": "a-token-of-sixteen-or-more"},
        {"Cookie": "token=a-token-of-sixteen-or-more; Authorization=Bearer a-token-of-sixteen-or-more"},
        {"X-Api-Key": "a-token-of-sixteen-or-more"},
    ],
)
def test_the_token_is_one_header_and_nothing_else(
    client: TestClient, token: str, store: Store, filled: synthetic.Filled, headers: dict[str, str]
) -> None:
    found = client.post("/runs?token=a-token-of-sixteen-or-more", json=BODY, headers=headers)
    assert token not in problem(found, 401, "no_token")
    assert queries.list_jobs(store) == []


def test_two_tokens_are_none(client: TestClient, token: str, filled: synthetic.Filled) -> None:
    both = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer other")]
    problem(client.post("/runs", json=BODY, headers=both), 401, "no_token")


def test_another_site_gets_no_permission(owner: TestClient, filled: synthetic.Filled) -> None:
    asked = {"Origin": "https://elsewhere.invalid", "Access-Control-Request-Method": "POST"}
    found = owner.options("/runs", headers=asked)
    problem(found, 405, "wrong_method")
    read = owner.get("/runs", headers={"Origin": "https://elsewhere.invalid"})
    for one in (found, read):
        assert not [name for name in one.headers if name.startswith("access-control-")]
    form = owner.post("/runs", content=b'{"dataset": "headlines"}', headers={"Content-Type": "text/plain"})
    problem(form, 422, "invalid")


def test_a_short_token_is_no_token(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCONFOUND_API_TOKEN", "short")
    get_settings.cache_clear()
    with pytest.raises(UserError, match="UNCONFOUND_API_TOKEN") as caught:
        get_settings()
    assert "'short'" not in str(caught.value)


def test_the_token_is_not_shown(token: str) -> None:
    assert token not in repr(get_settings())


def test_the_token_does_not_go_to_a_cluster(store: Store, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCONFOUND_RAY_ADDRESS", "http://127.0.0.1:1")
    get_settings.cache_clear()
    environment = RayExecutor(get_settings())._environment("lease")
    assert "UNCONFOUND_API_TOKEN" not in environment
    assert environment["UNCONFOUND_MIN_FREE_MB"] == "50"  # others do


def test_large_bodies_are_refused_before_they_are_read(owner: TestClient) -> None:
    large = b'{"dataset": "' + b"x" * (2 * 2**20) + b'"}'
    sent = {"Content-Type": "application/json"}
    problem(owner.post("/runs", content=large, headers=sent), 413, "too_large")
    pieces = (large[start : start + 65536] for start in range(0, len(large), 65536))
    problem(owner.post("/runs", content=pieces, headers=sent), 413, "too_large")  # no length is said


def test_a_file_may_be_as_large_as_an_upload(
    owner: TestClient, filled: synthetic.Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNCONFOUND_MAX_UPLOAD_MB", "2")
    get_settings.cache_clear()
    address = f"/runs/{filled.run.name}/evaluations"
    problem(owner.post(address, files={"file": ("a.csv", b"x" * (4 * 2**20))}), 413, "too_large")
    problem(owner.post(address, files={"file": ("a.csv", b"x" * (2 * 2**20))}), 422, "invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"dataset": "\\ud800"}',
        b'{"\\ud800": 1, "dataset": "a"}',
        b"[" * 100_000,
        b'{"dataset": "headlines", "seed": ' + b"9" * 5000 + b"}",
        b'{"dataset": "headlines", "settings": {"label_lr": NaN}}',
        b'{"dataset": "headlines", "settings": {"label_lr": 1e999}}',
        b"",
        b"null",
    ],
)
def test_a_body_that_is_none_is_refused_in_words(owner: TestClient, store: Store, body: bytes) -> None:
    found = owner.post("/runs", content=body, headers={"Content-Type": "application/json"})
    assert found.status_code in (400, 422), found.text
    problem(found, found.status_code, {400: "bad_request", 422: "invalid"}[found.status_code])


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..%2f..%2fetc%2fpasswd",
        "/runs/%00",
        "/runs/%ff",
        "/runs/a%0ab",
        "/runs/' OR '1'='1",
        "/runs/" + "x" * 5000,
        "/datasets/%2e%2e/examples",
        "/diagnoses/..%2f..%2fhome/matrix.npz",
        "/jobs/..%2f..%2fserver/log",
        "/nothing",
        "/",
        "/runs/",
    ],
)
def test_an_address_reaches_rows_only(client: TestClient, filled: synthetic.Filled, path: str) -> None:
    found = client.get(path)
    assert found.status_code in (404, 422), found.text
    problem(found, found.status_code, {404: "not_found", 422: "invalid"}[found.status_code])


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "offset=-1",
        f"offset={2**63}",
        f"offset={'9' * 5000}",
        "status=odd",
        "who=me",
    ],
)
def test_a_query_that_does_not_fit_is_refused(client: TestClient, query: str) -> None:
    name = query.split("=")[0]
    assert f"'{name}' in the query" in problem(client.get(f"/runs?{query}"), 422, "invalid")


def test_a_wrong_method_is_told_the_right_ones(owner: TestClient) -> None:
    for path, allowed in (("/runs", "GET, POST"), ("/runs/a/evaluations", "GET, POST"), ("/queue/pause", "POST")):
        found = owner.delete(path)
        problem(found, 405, "wrong_method")
        assert found.headers["allow"] == allowed


def test_a_store_in_trouble_is_told_as_such(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def trouble(*_arguments: object, **_more: object) -> None:
        raise StoreTroubleError("The database is locked by another program.")

    monkeypatch.setattr(queries, "list_runs", trouble)
    assert "locked" in problem(client.get("/runs"), 503, "unavailable")


def test_a_fault_of_ours_is_logged_and_not_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(*_arguments: object, **_more: object) -> None:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(queries, "list_runs", fault)
    assert "secret" not in problem(client.get("/runs"), 500, "internal")
    assert "a secret of the inside" in caplog.text


def test_a_matrix_whose_file_is_missing(client: TestClient, store: Store, filled: synthetic.Filled) -> None:
    kept = queries.diagnoses(store, filled.run.id)[0]
    store.artifacts.delete(kept.path)
    for ending in ("", ".csv", ".parquet", ".npz"):
        assert "missing" in problem(client.get(f"/diagnoses/{kept.id}/matrix{ending}"), 409, "not_possible")


def test_answers_have_the_headers_of_the_server(client: TestClient) -> None:
    assert client.get("/health").headers["x-content-type-options"] == "nosniff"


def test_the_description_says_what_may_come(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
    for path, operations in DESCRIPTION["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], path
            assert operation["description"], path
            expected = {"400", "401", "403", "413"} if method != "get" else set()
            assert expected <= set(operation["responses"]), path


def test_the_api_loads_no_torch() -> None:
    script = (
        "import sys, core.api.service; core.api.service.build().openapi();"
        "print([name for name in ('torch', 'transformers', 'streamlit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
