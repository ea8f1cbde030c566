"""Words that open something stand in no message, no `repr`, no log, no check, no backup."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from core.__main__ import main
from core.actions.backup import make_backup
from core.actions.demo import add_demo
from core.errors import UserError
from core.settings import get_settings
from core.store.engine import Store
from core.store.remote import Remote
from tests.browser.server import serving

SECRETS = ("first-secret-word", "second-secret-word", "third-secret-word", "fourth-secret-word")
VARIABLES = {
    "UNCONFOUND_API_TOKEN": SECRETS[0],
    "AWS_SECRET_ACCESS_KEY": SECRETS[3],
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def clean(text: str) -> bool:
    return not any(word in text for word in SECRETS)


def test_settings_show_none(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCONFOUND_DATABASE_URL", f"postgresql://me:{SECRETS[1]}@127.0.0.1:1/x")
    monkeypatch.setenv("UNCONFOUND_ARTIFACTS_URL", f"sftp://me:{SECRETS[2]}@host/x")
    get_settings.cache_clear()
    there = get_settings()
    assert clean(repr(there))
    assert clean(str(there))
    with pytest.raises(UserError) as caught:
        Store(there.url, there.artifacts).migrate()
    assert clean(str(caught.value))
    assert clean(Remote(f"memory://me:{SECRETS[2]}@host/x", 1).place)


def test_the_check_and_its_json_show_none(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    get_settings.cache_clear()
    add_demo(store)
    main(["doctor", "--json"])
    main(["doctor"])
    said = capsys.readouterr()
    assert clean(said.out + said.err)


def test_a_database_that_does_not_answer_is_checked_without_its_password(
    settings: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNCONFOUND_DATABASE_URL", f"postgresql://me:{SECRETS[1]}@127.0.0.1:1/x?connect_timeout=1")
    get_settings.cache_clear()
    assert main(["doctor", "--json"]) == 1
    said = capsys.readouterr()
    assert clean(said.out + said.err)
    assert json.loads(said.out)["findings"][0]["check"] == "database"
    assert main(["backup", "/tmp/never.tar"]) == 2
    assert clean(capsys.readouterr().err)


def test_a_backup_holds_none(store: Store, tmp_path: Path) -> None:
    add_demo(store)
    make_backup(store, tmp_path / "b.tar", tell=lambda *_: None)
    content = (tmp_path / "b.tar").read_bytes()
    assert not any(word.encode() in content for word in SECRETS)
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0, "nobody else reads it"


def test_the_logs_of_a_server_show_none(tmp_path: Path) -> None:
    with serving(tmp_path / "home", UNCONFOUND_DEMO="false") as running:
        for token in (SECRETS[0], "wrong-" + SECRETS[1]):
            asked = urllib.request.Request(
                f"{running.url}/api/v1/runs", b"{}", {"Authorization": f"Bearer {token}"}, method="POST"
            )
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(asked)
    logs = [path.read_text(errors="replace") for path in (tmp_path / "home").rglob("*.log")]
    assert logs
    assert all(map(clean, logs))
