"""Every module can be imported on Windows, and the play that says so really lacks what Windows lacks; what is left of imports."""

import functools
import gc
import sys
from importlib.util import find_spec

import pytest

from core.system.imports import importing
from tests.systems.playing import run

ALL = """
from pathlib import Path
import app
from core.system.imports import importing
with importing():
    for path in sorted((*Path("core").rglob("*.py"), *Path("pages").rglob("*.py"))):
        # Scripts: running them is their import. Migrations are named by numbers and run by Alembic.
        if path.name not in ("page.py", "main.py", "__main__.py", "env.py") and "versions" not in path.parts:
            __import__(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
import core.__main__, core.jobs.locks as locks
assert locks.sys.platform == "win32" and not hasattr(locks, "fcntl")
from transformers.utils.import_utils import create_import_structure_from_path as read
print(f"all there, {read.cache_info().misses - read.cache_info().currsize} folders read twice")
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
    assert run("-c", ALL).stdout.endswith("all there, 0 folders read twice\n")


def test_an_import_leaves_all_as_it_was() -> None:
    cache, collecting = functools.lru_cache, gc.isenabled()
    sys.modules.pop("colorsys", None)
    with importing(without=("colorsys", "gc")):
        assert (find_spec("colorsys"), sys.modules["gc"]) == (None, gc)  # what is there already stays
        assert (functools.lru_cache is cache, gc.isenabled()) == (False, False)
        twice = functools.lru_cache(maxsize=2)(abs)
        assert [twice(number) for number in (-1, -2, -3)] == [1, 2, 3]
        assert (twice.cache_info().maxsize, twice.cache_info().currsize) == (2, 2)
    assert (functools.lru_cache is cache, gc.isenabled()) == (True, collecting)
    assert find_spec("colorsys") is not None


@pytest.mark.parametrize("code", PROBES)
def test_the_play_lacks_it(code: str) -> None:
    """Run as a module of core would be: the play is for our code only."""
    as_ours = f"exec(compile({code!r}, 'FILE', 'exec'), {{'__file__': 'FILE', '__name__': 'core.probe'}})"
    from core.settings import PROJECT

    done = run("-c", as_ours.replace("FILE", str(PROJECT / "core" / "probe.py")), expected=1)
    assert PROBES[code] in done.stderr
