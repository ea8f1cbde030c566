"""The API of a real server: beside the pages, as its document describes it, and as docs/api.md shows it."""

import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import open_store
from tests.api.conftest import TOKEN
from tests.browser.server import Dashboard, serving
from tests.pages import synthetic
from tests.pages.visits import job

BLOCKS = re.findall(r"```bash\n(.*?)```", (PROJECT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)
OTHER = "text,label,prefix\n" + "".join(f"Negative . word {n} .,short,negative\n" for n in range(6))


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A server without a worker, with a run that looks like one of one's own: what is queued stays so."""
    home = tmp_path_factory.mktemp("home")
    store = open_store(Settings(home=home))
    store.migrate()
    run = synthetic.add_run(store, synthetic.add_dataset(store, "reviews"), "reviews-finetune-2021")
    synthetic.add_diagnosis(store, run, step=synthetic.STEPS[-1], effect=0.3)
    with serving(home, UNCONFOUND_DEMO="false", UNCONFOUND_START_WORKER="false", UNCONFOUND_API_TOKEN=TOKEN) as running:
        yield running


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_examples_of_the_documentation_work(dashboard: Dashboard, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text(OTHER, encoding="utf-8")
    script = "\n".join(BLOCKS)
    for shown, here in (("http://localhost:8501", dashboard.url), ("the-token-of-the-server", TOKEN)):
        assert script.count(shown) == 1
        script = script.replace(shown, here)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = dashboard.store
    runs = {run.name for run in queries.list_runs(store)}
    assert {f"reviews-embedding-tuning-{seed}" for seed in (2021, 2022, 2023)} < runs
    jobs = queries.list_jobs(store)
    kinds = [one.kind for one in jobs]
    assert sorted(kinds) == ["diagnose", "diagnose", "evaluate", *["train"] * 5, "try"]
    ended = {one.run for one in jobs if one.status == "cancelled"}
    assert ended == {"reviews-finetune-2022"}
    with np.load(tmp_path / "influence.npz") as archive:
        assert archive["scores"].shape == (1500, 40)


@pytest.mark.parametrize("path", ["/api/v1/runs/..%2f..%2fetc%2fpasswd", "/api/v1/../../etc/passwd", "/api/v1//etc"])
def test_no_address_leads_out(dashboard: Dashboard, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(dashboard.url + path, timeout=20)
    assert caught.value.code in (400, 404, 422)


def test_the_pages_are_there_as_before(dashboard: Dashboard) -> None:
    for path in ("/", "/_stcore/health", "/jobs"):
        with urllib.request.urlopen(dashboard.url + path, timeout=20) as found:
            assert found.status == 200


# What is well formed by the description but no usable table is refused with 422, which the tester cannot know.
CONFIGURATION = """
[parameters]
"path.dataset" = "reviews"
"path.run" = "reviews-finetune-2021"
"path.diagnosis" = "{diagnosis}"
"path.job" = "{job}"
"query.group" = ["reviews-finetune-2021"]

[[operations]]
include-path = "/runs/{{run}}/evaluations"
checks.positive_data_acceptance.enabled = false
"""
# Of the large bodies and of what is paged there are thousands of edge cases, more than a test has time for.
CHECKED = (
    ("what is there", "examples,fuzzing", True, []),
    ("what may not be there", "fuzzing", False, []),
    ("edge cases", "coverage", True, ["--include-path-regex", "^/(datasets|queue|health|jobs/)"]),
)


@pytest.mark.parametrize(("phases", "known", "choice"), [one[1:] for one in CHECKED], ids=[one[0] for one in CHECKED])
def test_a_property_based_tester_finds_the_server_as_described(
    dashboard: Dashboard, tmp_path: Path, phases: str, known: bool, choice: list[str]
) -> None:
    store = dashboard.store
    diagnosis, waiting = queries.list_diagnoses(store, limit=1)[0].id, job(store, status="failed").id
    configuration = CONFIGURATION.format(diagnosis=diagnosis, job=waiting)
    if not known:
        configuration = configuration[configuration.index("[[operations]]") :]
    (tmp_path / "schemathesis.toml").write_text(configuration, encoding="utf-8")
    tester = Path(sysconfig.get_path("scripts"), "schemathesis")
    done = subprocess.run(
        [
            *(sys.executable, str(tester), "--config-file", str(tmp_path / "schemathesis.toml")),
            *("run", f"{dashboard.url}/api/v1/openapi.json", "-H", f"Authorization: Bearer {TOKEN}"),
            *("--phases", phases, "--max-examples", "3", "--seed", "2021", "--continue-on-failure", "--no-color"),
            *choice,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    log = (dashboard.home / "server.log").read_text(encoding="utf-8")
    assert "Traceback" not in log, log[-3000:]
