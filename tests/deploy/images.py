"""Reads the Dockerfile as the builder does, as far as the tests need: its instructions by stage, what it would be sent, and
what it would copy; and carries out what can be carried out without a container engine."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.settings import PROJECT

DOCKERFILE = PROJECT / "Dockerfile"
IMAGES = ("web", "worker")


@dataclass
class Stage:
    """One `FROM … AS name` and what follows it: (keyword, the rest of the line)."""

    name: str
    parent: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        """The rest of every instruction of a kind."""
        return [rest for word, rest in self.steps if word == keyword]


def stages() -> dict[str, Stage]:
    """The Dockerfile's stages by name."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, Stage] = {}
    current: Stage | None = None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            parent, name = re.fullmatch(r"(\S+) AS (\S+)", rest.strip()).groups()
            current = found[name] = Stage(name, parent)
        elif keyword and current is not None:
            current.steps.append((keyword, rest.strip()))
    return found


def lineage(name: str) -> list[Stage]:
    """A stage and those it is built from, the first first."""
    known = stages()
    line = [known[name]]
    while line[0].parent in known:
        line.insert(0, known[line[0].parent])
    return line


def last(name: str, keyword: str) -> str:
    """What an image says of a keyword in the end."""
    return [rest for stage in lineage(name) for rest in stage.all(keyword)][-1]


def environment(name: str) -> dict[str, str]:
    """The variables that an image sets, as they are written."""
    found: dict[str, str] = {}
    for stage in lineage(name):
        for rest in stage.all("ENV"):
            found |= dict(pair.split("=", 1) for pair in shlex.split(rest))
    return found


def command(name: str, keyword: str) -> list[str]:
    """The words of a CMD or HEALTHCHECK in JSON form."""
    return list(json.loads(re.search(r"\[.*\]$", last(name, keyword))[0]))


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file from the builder: the last pattern that fits it, or a folder above it, decides."""
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    out = False
    for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        shape = re.escape(pattern.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(shape, one) for one in above):
            out = not pattern.startswith("!")
    return out


def tracked() -> list[str]:
    """Every file that git knows, from the project's folder."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True).stdout
    return [one for one in listing.decode().split("\0") if one]


def context() -> list[str]:
    """The files that the builder is sent from a clean clone."""
    return [one for one in tracked() if not ignored(one)]


def copies(stage: Stage) -> list[tuple[list[str], str]]:
    """(sources, target) of every COPY from the context."""
    plain = [shlex.split(rest) for rest in stage.all("COPY") if not rest.startswith("--from")]
    return [(words[:-1], words[-1]) for words in plain]


def below(source: str, files: list[str]) -> list[str]:
    """The files that a source of a COPY names."""
    source = source.removeprefix("./").rstrip("/")
    return [one for one in files if one == source or one.startswith(f"{source}/")]


def lay(stage: Stage, folder: Path) -> list[str]:
    """Carry out a stage's COPYs from the context into a folder; returns the files that are there then."""
    files = context()
    for sources, target in copies(stage):
        for source in sources:
            for one in below(source, files):
                inside = Path(one).relative_to(source) if one != source else Path(Path(one).name)
                place = folder / target / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(PROJECT / one, place)
    return listing(folder)


def listing(folder: Path) -> list[str]:
    """Every file below a folder, with its size and its time of change."""
    found = []
    for path in sorted(folder.rglob("*")):
        facts = path.stat()
        found.append(f"{path.relative_to(folder)} {facts.st_size if path.is_file() else '-'} {facts.st_mtime_ns}")
    return found


def bare() -> list[str]:
    """What a command begins with to have no more rights than in a container with `cap_drop: [ALL]` and `no-new-privileges`:
    root then may not write what is read-only either. Nothing where that cannot be said."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return []
    return ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]


def tool(name: str) -> str:
    """A program of requirements-dev.txt, beside this interpreter or on the path."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        message = f"{name} is not installed (it is in requirements-dev.txt)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found
