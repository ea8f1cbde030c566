"""No name, id, path or parameter reaches what it was not meant to: not by SQL, not by `..`, not by a link."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from core.__main__ import main
from core.actions.names import free_name
from core.errors import UserError
from core.settings import Settings
from core.store import queries
from core.store.artifacts import Artifacts
from core.store.engine import Store
from core.store.tables import Base, Dataset, Run
from tests.api.conftest import client, filled, made, owner, token  # noqa: F401 - fixtures
from tests.pages import synthetic

SQL = [
    "' OR '1'='1",
    "'; DROP TABLE runs; --",
    '" OR ""="',
    "1) UNION SELECT name, sql FROM sqlite_master --",
    "%",
    "_",
    "a' || (SELECT lease_token FROM jobs) || '",
    "\\'; DELETE FROM jobs; --",
    "0; SELECT pg_sleep(5)",
    "${jndi:ldap://x}",
    "{{7*7}}",
]
PATHS = [
    "../../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "~root",
    "C:\\windows",
    "a\0b",
    "%2e%2e",
    "file:///etc/passwd",
]


def counts(store: Store) -> dict[str, int]:
    with store.reading() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }


@pytest.mark.both_databases
def test_queries_bind_what_they_are_given(store: Store) -> None:
    dataset = Dataset(
        name="d", path="datasets/d/x", sha256="0", labels=[], confounds=[], mapping={}, profile={}, sources={}
    )
    with store.writing() as session:
        session.add(dataset)
    before = counts(store)
    for attack in (*SQL, *PATHS):
        if "\0" in attack and store.engine.dialect.name == "postgresql":
            continue  # neither the API nor the command line passes one on; PostgreSQL has no such text
        for ask in (queries.get_run, queries.get_dataset, queries.get_job, queries.get_diagnosis):
            with pytest.raises(UserError):
                ask(store, attack)
        assert queries.runs_of_group(store, attack) == []
        assert free_name(store, Run, None, attack) == attack, "a proposal with % or _ matches only itself"
        assert counts(store) == before


def test_the_api_hands_parameters_on_as_values(
    owner: TestClient,  # noqa: F811
    store: Store,
    filled: synthetic.Filled,  # noqa: F811
) -> None:
    before = counts(store)
    for attack in (*SQL, *PATHS):
        for parameter in ("status", "dataset", "group", "run", "split", "limit", "offset"):
            for path in ("/runs", "/datasets", "/jobs", "/diagnoses"):
                found = owner.get(path, params={parameter: attack})
                assert found.status_code in (200, 404, 422), found.text
                assert "sqlite3" not in found.text.lower()
        for body in (
            {"dataset": attack, "encoder": "tiny"},
            {"dataset": "headlines", "encoder": attack},
            {"dataset": "headlines", "encoder": "tiny", "method": attack},
            {"dataset": "headlines", "encoder": "a/b", "revision": attack},
            {"dataset": "headlines", "encoder": "tiny", "options": {attack: "1"}},
            {"dataset": "headlines", "encoder": "tiny", "options": {"label_epochs": attack}},
        ):
            found = owner.post("/runs", json=body)
            assert found.status_code in (400, 404, 409, 422), found.text
            assert "Traceback" not in found.text
        assert counts(store) == before


@pytest.mark.usefixtures("store")
def test_the_command_line_refuses_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for attack in (*SQL, *(one for one in PATHS if "\0" not in one)):
        for call in (
            ["run", "show", attack],
            ["dataset", "show", attack],
            ["jobs", "logs", attack],
            ["diagnose", attack],
            ["train", "--dataset", attack],
            ["run", "delete", attack, "--now"],
            ["jobs", "delete", attack],
            ["dataset", "delete", attack],
        ):
            assert main(call) == 2
            said = capsys.readouterr().err
            assert said.startswith("error: ")
            assert "Traceback" not in said


def test_a_link_inside_the_artifacts_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "artifacts"
    (root / "runs").mkdir(parents=True)
    (root / "runs" / "link").symlink_to(tmp_path)
    (root / "runs" / "file").symlink_to(tmp_path / "secret")
    artifacts = Artifacts(root)
    for path in ("runs/link/secret", "runs/file", "runs/link", "runs/../../secret"):
        for use in (artifacts.path, artifacts.fetch, artifacts.delete, artifacts.fetch_folder, artifacts.read_arrays):
            with pytest.raises(ValueError, match="outside the artifact folder"):
                use(path)
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_row_that_names_a_file_elsewhere_gives_nothing_away(
    owner: TestClient,  # noqa: F811
    store: Store,
    settings: Settings,
    filled: synthetic.Filled,  # noqa: F811
) -> None:
    """Even who can write into the database reads no other file of the server by it."""
    (settings.home / "secret.npz").write_text("the secret")
    with store.writing() as session:
        for table in (
            Base.metadata.tables["diagnoses"],
            Base.metadata.tables["evaluations"],
            Base.metadata.tables["datasets"],
        ):
            session.execute(table.update().values(path="../secret.npz"))
    diagnosis = queries.list_diagnoses(store)[0].id
    run = queries.list_runs(store)[0].id
    for path in (
        f"/diagnoses/{diagnosis}/matrix.npz",
        f"/diagnoses/{diagnosis}/matrix.csv",
        f"/runs/{run}/evaluations",
    ):
        assert "the secret" not in owner.get(path).text


@pytest.mark.usefixtures("store")
def test_json_of_the_command_line_is_one_line_whatever_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "list", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["runs"] == []
