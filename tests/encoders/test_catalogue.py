"""Names of encoders: what resolves, what is refused, and with which words."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.encoders.catalogue import EncoderError, list_encoders, resolve

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_default_comes_first_and_every_name_resolves_to_itself():
    specs = list_encoders()
    assert specs[0].name == "minilm"
    assert [resolve(spec.name) for spec in specs] == specs


def test_every_hub_encoder_of_the_catalogue_is_pinned_to_a_commit():
    pinned = [spec for spec in list_encoders() if spec.source == "hub"]
    assert pinned
    for spec in pinned:
        assert len(spec.revision) == 40
        assert resolve(spec.location) == spec


def test_a_revision_replaces_the_catalogues_own():
    assert resolve("bert-base-uncased", COMMIT).revision == COMMIT


def test_any_hub_id_resolves_with_a_full_commit():
    spec = resolve("some-owner/some.model_2", COMMIT)
    assert (spec.source, spec.location, spec.revision) == ("hub", "some-owner/some.model_2", COMMIT)


@pytest.mark.parametrize(
    ("name", "revision", "words"),
    [
        ("minilmm", None, "Did you mean minilm"),
        ("owner/name", None, "needs a revision"),
        ("owner/name", "main", "not a full commit"),
        ("owner/name", COMMIT[:12], "not a full commit"),
        ("owner/name", COMMIT.upper(), "not a full commit"),
        ("bert-base-uncased", "main", "not a full commit"),
        ("minilm", COMMIT, "has no revisions"),
        ("a/../b", COMMIT, "There is no encoder"),
        ("owner/name/extra", COMMIT, "There is no encoder"),
        ("owner/na..me", COMMIT, "There is no encoder"),
        ("https://example.org/x", COMMIT, "There is no encoder"),
        ("owner/name\n", COMMIT, "There is no encoder"),
        ("", None, "There is no encoder"),
    ],
)
def test_what_is_refused(name, revision, words):
    with pytest.raises(EncoderError, match=words):
        resolve(name, revision)


def test_local_folders_only_below_the_operators_roots(tmp_path):
    (tmp_path / "allowed" / "model").mkdir(parents=True)
    (tmp_path / "allowed" / "model" / "config.json").write_text("{}")
    (tmp_path / "secret").mkdir()
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "secret")
    roots = [tmp_path / "allowed"]
    assert resolve(str(roots[0] / "model"), allowed_roots=roots).source == "folder"
    for outside in ("secret", "allowed/../secret", "allowed/link", "absent"):
        with pytest.raises(EncoderError, match="not among those"):
            resolve(str(tmp_path / outside), allowed_roots=roots)
    with pytest.raises(EncoderError, match="not among those"):
        resolve(str(roots[0] / "model"))
    with pytest.raises(EncoderError, match=r"no config\.json"):
        resolve(str(roots[0]), allowed_roots=roots)


@pytest.mark.parametrize("module", ["core.encoders.catalogue", "core.training.config", "core.training.estimate"])
def test_what_pages_import_brings_no_torch(module):
    code = f"import {module}, sys; sys.exit(any(m in sys.modules for m in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
