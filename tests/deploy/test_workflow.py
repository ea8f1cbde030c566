"""The workflow for a public forge: valid, its actions pinned, its steps those of this repository."""

import re
import subprocess

import yaml

from core.settings import PROJECT
from tests.deploy import images

FILE = PROJECT / ".github" / "workflows" / "ci.yml"


def test_it_follows_the_schema() -> None:
    done = subprocess.run(
        [images.tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_security_linter_finds_nothing() -> None:
    done = subprocess.run(
        [images.tool("zizmor"), "--offline", "--no-progress", str(FILE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_actions_are_pinned_by_their_commit_and_rights_are_few() -> None:
    workflow = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    for step in steps:
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]), step
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 120 for job in workflow["jobs"].values())


def test_it_builds_what_there_is_and_tests_on_the_images_python() -> None:
    text = FILE.read_text(encoding="utf-8")
    for target in re.findall(r"--target (\S+)", text):
        assert target in images.stages()
    (version,) = re.findall(r"container: python:([\d.]+)-", text)
    assert f"PYTHON_TAG={version}-slim-" in images.DOCKERFILE.read_text(encoding="utf-8")
    assert "bash .ci/run" in text
