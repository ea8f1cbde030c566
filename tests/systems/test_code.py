"""The code asks nothing of the system that only Linux has, but in the files that are there for it.

For `core`, mypy holds more of this: `make check` runs it for Windows and macOS too, and it knows what each has. It does not
read `app.py` and `pages`, and it does not mind a text file that is opened without an encoding.
"""

import ast
from collections.abc import Iterator

import pytest

from core.settings import PROJECT
from tests.systems.playing import FOLDER

FILES = [PROJECT / "app.py", *(path for top in ("core", "pages") for path in sorted((PROJECT / top).rglob("*.py")))]
PLATFORM = ("core/system/", "core/jobs/locks.py", "core/jobs/processes.py")
"""Where differences live. Elsewhere there are sentences about what cannot work, and the two below."""
ELSEWHERE = {
    "core/datasets/limited.py": "memory is watched from outside where the system does not",
    "core/datasets/reading/child.py": "the limits of a process, in a process that imports as little as it can",
    "core/training/joined.py": "the name of the interface that leads to this machine",
}
PLAY = {}
WRITERS = {"read_text": 0, "write_text": 1, "open": 0, "fdopen": 1, "NamedTemporaryFile": 0, "TemporaryFile": 0}
"""Calls that open text, and the place of what makes it another: of the encoding, or for `open` of the mode."""


def play() -> dict[str, set[str]]:
    """The names that the play of Windows takes away; read as text, since running it would change this process."""
    if not PLAY:
        tree = ast.parse((FOLDER / "sitecustomize.py").read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name in ("NO_MODULES", "NOT_IN_OS"):
                    PLAY[name] = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
    return PLAY


def faults(source: str, *, platform: bool = False) -> Iterator[str]:
    """What of a file would not run on Windows."""
    tree = ast.parse(source)
    guarded = {id(below) for node in ast.walk(tree) if _is_guard(node) for below in ast.walk(node)}
    for node in ast.walk(tree):
        where = f"line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            bad = {name.partition(".")[0] for name in names} & play()["NO_MODULES"]
            if bad and id(node) not in guarded:
                yield f"{where}: imports {bad.pop()}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and id(node) not in guarded:
            if node.value.id == "os" and node.attr in play()["NOT_IN_OS"]:
                yield f"{where}: os.{node.attr}"
            if node.value.id == "signal" and node.attr in (
                "SIGKILL",
                "SIGHUP",
                "SIGUSR1",
                "SIGSTOP",
                "SIGCHLD",
                "alarm",
            ):
                yield f"{where}: signal.{node.attr}"
            if node.value.id == "sys" and node.attr == "platform" and not platform:
                yield f"{where}: asks for the system; that belongs into core.system"
        if isinstance(node, ast.keyword) and node.arg in (
            "start_new_session",
            "pass_fds",
            "preexec_fn",
            "process_group",
        ):
            yield f"{where}: {node.arg}; core.system.processes and core.jobs.locks know what stands for it"
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.startswith(("/proc", "/dev/", "/tmp"))
        ):
            yield f"{where}: {node.value}"
        if isinstance(node, ast.Call) and _opens_text(node):
            yield f"{where}: text without an encoding"


def _is_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If | ast.IfExp) and "sys.platform" in ast.unparse(node.test)


def _opens_text(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in WRITERS or (isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in NOT_FILES):
        return False
    given = {one.arg: one.value for one in node.keywords}
    if "encoding" in given:
        return False
    if name in ("read_text", "write_text"):
        return len(node.args) <= WRITERS[name]
    place = WRITERS[name] + (isinstance(node.func, ast.Name) and name == "open")
    mode = given.get("mode", node.args[place] if len(node.args) > place else None)
    usual = "r" if "open" in name else "w+b"
    return "b" not in (mode.value if isinstance(mode, ast.Constant) else "b" if mode is not None else usual)


NOT_FILES = {"os", "tarfile", "webbrowser", "self._content", "content", "archive", "self", "Image", "store.archive"}


def test_no_file_needs_posix() -> None:
    found = []
    for path in FILES:
        name = path.relative_to(PROJECT).as_posix()
        told = faults(path.read_text(encoding="utf-8"), platform=name.startswith(PLATFORM) or name in ELSEWHERE)
        # What stands for a new session has to name it.
        found += [f"{name}, {one}" for one in told if name != "core/system/processes.py" or "new_session" not in one]
    assert len(FILES) > 200
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "from resource import setrlimit",
        "import os\nos.killpg(1, 2)",
        "import os\nos.open('x', os.O_CLOEXEC)",
        "import signal\nsignal.SIGKILL",
        "import subprocess\nsubprocess.Popen([], start_new_session=True)",
        "open('x')",
        "open('x', 'w')",
        "path.open()",
        "path.open('a')",
        "path.read_text()",
        "path.write_text('x')",
        "x = '/dev/null'",
        "import sys\nsys.platform",
    ],
)
def test_and_one_that_does_not_is_told(code: str) -> None:
    assert list(faults(code))


@pytest.mark.parametrize(
    "code",
    ["open('x', 'rb')", "path.open('wb')", "path.read_text('utf-8')", "path.open(encoding='utf-8')", "os.open('x', 1)"],
)
def test_what_is_harmless_is_not(code: str) -> None:
    assert list(faults(code)) == []
