"""A reverse proxy with a base path, configured by the very text of docs/deploy.md, and a browser behind it."""

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, WebSocket, expect

from core.settings import PROJECT
from tests.browser.server import free_port, serving, settle, visit

TEXT = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
NAME = "unconfound.example.org"
"""Where the browser of these tests looks for it is this machine."""
MEBI = 1024 * 1024
TOKEN = "a-token-of-these-tests"
ROWS = "text,size,desk\n" + "".join(
    f"{'a good' if n % 3 else 'an awful'} evening number {n},{'long' if n % 3 else 'short'},{'north' if n % 2 else 'south'}\n"
    for n in range(400)
)


def shown(language: str) -> str:
    """The one block of a language in the documentation."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(block)


def nginx(folder: Path, port: int, server: int) -> list[str]:
    """The block within the little that Debian's nginx.conf has around it, without TLS and on a port of its own."""
    block = re.sub(r"^ *ssl_.*\n", "", shown("nginx"), flags=re.MULTILINE)
    block = once(block, "listen 443 ssl;", f"listen 127.0.0.1:{port};")
    block = once(block, "127.0.0.1:8501", f"127.0.0.1:{server}")
    places = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # it reads what this test's folder holds
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder / 'pid'};\nerror_log {folder / 'log'} info;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{block}}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")]


def caddy(folder: Path, port: int, server: int) -> list[str]:
    """The block for plain HTTP on a port of its own."""
    block = once(shown("caddy"), f"{NAME} {{", f"http://{NAME}:{port} {{\n    bind 127.0.0.1")
    block = once(block, "127.0.0.1:8501", f"127.0.0.1:{server}")
    (folder / "Caddyfile").write_text(f"{{\n    admin off\n}}\n{block}")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


@dataclass(frozen=True)
class Site:
    """The dashboard as the world sees it, and on its own port."""

    address: str
    """How a browser that finds NAME here calls it."""
    port: int

    @property
    def base(self) -> str:
        """The path."""
        return self.address.removeprefix(f"http://{NAME}:{self.port}")

    def ask(self, path: str, data: bytes | None = None) -> tuple[int, bytes, str]:
        """A request for NAME, a form if it has data, not followed elsewhere: status, body, where it is sent on to."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(line):
            named = {"Host": f"{NAME}:{self.port}"}
            if data is None:
                line.request("GET", path, headers=named)
            else:
                kind = {"Content-Type": "multipart/form-data; boundary=edge", "Authorization": f"Bearer {TOKEN}"}
                line.request("POST", path, body=data, headers=named | kind)
            answer = line.getresponse()
            return answer.status, answer.read(), answer.headers.get("location", "")


@contextmanager
def proxied(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        proxy = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "HOME": str(folder)}
        )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                if proxy.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"The proxy did not start:\n{(folder / 'output').read_text()[-2000:]}")
                time.sleep(0.1)
        yield
    finally:
        proxy.terminate()
        proxy.wait(timeout=20)


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dashboard behind one of the proxies."""
    kind = request.param
    if shutil.which(kind.__name__) is None:
        message = f"{kind.__name__} is not installed (Debian: apt-get install {kind.__name__})"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder, port = tmp_path_factory.mktemp(kind.__name__), free_port()
    base = re.search(r"^STREAMLIT_SERVER_BASE_URL_PATH=(\S+)$", TEXT, re.MULTILINE)[1]
    told = {
        "STREAMLIT_SERVER_BASE_URL_PATH": base,
        "UNCONFOUND_ALLOWED_HOSTS": NAME,
        "UNCONFOUND_API_TOKEN": TOKEN,
    }
    with serving(folder / "home", base=base, UNCONFOUND_START_WORKER="false", **told) as dashboard:
        command = kind(folder, port, urlsplit(dashboard.url).port)
        with proxied(command, folder, port):
            yield Site(f"http://{NAME}:{port}/{base}", port)


def test_a_deep_link_opens_below_the_path_over_a_websocket(site: Site, page: Page) -> None:
    sockets: list[WebSocket] = []
    asked: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    page.on("request", lambda request: asked.append(request.url))
    visit(page, f"{site.address}/jobs?job=nothing")
    expect(page.get_by_text("There is no such job")).to_be_visible()
    assert page.url == f"{site.address}/jobs?job=nothing"
    assert {one.url for one in sockets} == {f"{site.address}/_stcore/stream".replace("http:", "ws:")}
    assert not sockets[-1].is_closed()
    outside = [url for url in asked if not url.startswith((f"{site.address}/", "data:", "blob:"))]
    assert outside == []
    page.get_by_role("link", name="Data", exact=True).first.click()
    page.wait_for_url(f"{site.address}/data")
    page.reload()
    expect(page.get_by_role("heading", name="Data").first).to_be_visible()
    page.get_by_role("link", name="Overview", exact=True).first.click()
    page.wait_for_url(re.compile(re.escape(site.address) + "/?$"))


def test_a_file_is_uploaded_and_read(site: Site, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    # More than nginx takes unasked (1 MiB).
    file.write_text(ROWS + "".join(f"{'word ' * 100}{n},long,north\n" for n in range(5000)))
    assert file.stat().st_size > 2 * MEBI
    visit(page, f"{site.address}/data")
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.get_by_text("What is each column?")).to_be_visible()
    settle(page)


def test_the_api_stands_below_the_path_and_nothing_beside_it(site: Site) -> None:
    status, body, _ = site.ask(f"{site.base}/api/v1/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    _, body, _ = site.ask(f"{site.base}/api/v1/openapi.json")
    assert json.loads(body)["servers"] == [{"url": f"{site.base}/api/v1"}]
    status, _, place = site.ask(site.base)
    assert (status, place.removeprefix(f"http://{NAME}:{site.port}")) == (308, f"{site.base}/")
    assert b"workers" not in site.ask("/api/v1/health")[1]


def test_a_file_as_large_as_an_upload_may_be_gets_through(site: Site) -> None:
    status, body, _ = site.ask(f"{site.base}/api/v1/runs/none/evaluations", form(190))
    assert status in (404, 422), body  # read to its end, for a run that is not there


def test_what_is_larger_ends_at_the_proxy(site: Site) -> None:
    try:
        status, body, _ = site.ask(f"{site.base}/api/v1/runs/none/evaluations", form(215))
    except OSError:  # hung up on before all was sent
        return
    assert status == 413
    assert b'"error"' not in body, "the server's own refusal: the proxy let it through"


def form(mebibytes: int) -> bytes:
    """A form with a file of so many MiB."""
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\n\r\n'
    return head + b"x" * (mebibytes * MEBI) + b"\r\n--edge--\r\n"
