"""tools/install.py: which build of torch is asked for, and from where."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from core.settings import PROJECT


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[tuple[str, ...]]]:
    """The script as a module whose pip only notes what it is asked for; no torch is installed and none lies at hand."""
    spec = importlib.util.spec_from_file_location("install", PROJECT / "tools" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked: list[tuple[str, ...]] = []

    def missing(_name: str) -> str:
        raise module.PackageNotFoundError

    def pip(*arguments: str, quiet: bool = False) -> int:
        asked.append(arguments)
        return int("--no-index" in arguments)

    monkeypatch.setattr(module, "version", missing)
    monkeypatch.setattr(module, "pip", pip)
    monkeypatch.setattr(module.platform, "system", lambda: "Linux")
    monkeypatch.setattr(module, "has_gpu", lambda: False)
    return module, asked


@pytest.mark.parametrize(
    ("build", "first"),
    [
        ("auto", "--index-url https://download.pytorch.org/whl/cpu --no-deps torch=="),
        ("cpu", "--index-url https://download.pytorch.org/whl/cpu --no-deps torch=="),
        ("cu126", "--extra-index-url https://download.pytorch.org/whl/cu126 torch=="),
        ("cuda", "-r "),
    ],
)
def test_the_build_that_is_asked_for(install: tuple[ModuleType, list[tuple[str, ...]]], build: str, first: str) -> None:
    module, asked = install
    file = PROJECT / "requirements.txt"
    assert module.main(file, build) == 0
    wanted = [" ".join(words) for words in asked if "--no-index" not in words]
    assert wanted[0].startswith(first)
    assert wanted[-1] == f"-r {file}"
    assert len(wanted) == (1 if build == "cuda" else 2)


@pytest.mark.parametrize(
    ("system", "gpu", "first"),
    [
        ("Linux", True, "-r "),
        ("Darwin", False, "-r "),
        ("Windows", False, "-r "),
        ("Windows", True, "--extra-index-url https://download.pytorch.org/whl/cu126 torch=="),
    ],
)
def test_other_systems_need_no_other_index_unless_windows_has_a_gpu(
    install: tuple[ModuleType, list[tuple[str, ...]]],
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    gpu: bool,
    first: str,
) -> None:
    module, asked = install
    monkeypatch.setattr(module.platform, "system", lambda: system)
    monkeypatch.setattr(module, "has_gpu", lambda: gpu)
    assert module.main(PROJECT / "requirements.txt", "auto") == 0
    assert " ".join(asked[0]).startswith(first)


def test_the_version_is_found_through_files_that_include_others() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-ray.txt", "requirements-s3.txt"):
        reached = {Path(name)}
        for _ in range(3):
            reached |= {
                Path(line[3:])
                for one in reached
                for line in (PROJECT / one).read_text(encoding="utf-8").splitlines()
                if line.startswith("-r ")
            }
        assert {Path("requirements.txt"), Path("requirements-web.txt")} <= reached, name
