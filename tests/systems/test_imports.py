"""Every module can be imported on Windows, and the play that says so really lacks what Windows lacks."""

import pytest

from tests.systems.playing import run

ALL = """
from pathlib import Path
import app
for path in sorted((*Path("core").rglob("*.py"), *Path("pages").rglob("*.py"))):
    # Scripts: running them is their import. Migrations are named by numbers and run by Alembic.
    if path.name not in ("page.py", "main.py", "__main__.py", "env.py") and "versions" not in path.parts:
        __import__(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
import core.__main__, core.jobs.locks as locks
assert locks.sys.platform == "win32" and not hasattr(locks, "fcntl")
print("all there")
"""

PROBES = {
    "import fcntl": "ModuleNotFoundError",
    "import resource": "ModuleNotFoundError",
    "import os; os.fork": "AttributeError",
    "import os; os.WNOHANG": "AttributeError",
    "import os; os.close(os.open('core', os.O_RDONLY))": "PermissionError",
    "import os; os.fsync(os.open('app.py', os.O_RDONLY))": "Bad file descriptor",
    "import signal; signal.SIGKILL": "AttributeError",
    "import sys, subprocess; subprocess.Popen([sys.executable, '-c', ''], start_new_session=True)": "AssertionError",
    "from pathlib import Path; Path('README.md').read_text()": "EncodingWarning",
    "from pathlib import Path; import tempfile; p = Path(tempfile.mkdtemp(), 'a'); h = p.open('wb'); p.unlink()": "PermissionError",
    "from pathlib import Path; import tempfile; p = Path(tempfile.mkdtemp(), 'a'); p.mkdir(); h = (p / 'b').open('wb'); "
    "p.rename(p.with_name('c'))": "PermissionError",
}


def test_every_module_is_imported_without_what_windows_lacks() -> None:
    assert run("-c", ALL).stdout.endswith("all there\n")


@pytest.mark.parametrize("code", PROBES)
def test_the_play_lacks_it(code: str) -> None:
    """Run as a module of core would be: the play is for our code only."""
    as_ours = f"exec(compile({code!r}, 'FILE', 'exec'), {{'__file__': 'FILE', '__name__': 'core.probe'}})"
    from core.settings import PROJECT

    done = run("-c", as_ours.replace("FILE", str(PROJECT / "core" / "probe.py")), expected=1)
    assert PROBES[code] in done.stderr
