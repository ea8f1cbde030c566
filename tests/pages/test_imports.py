"""Pages open at once: none of them loads torch or transformers, not even through another module."""

import subprocess
import sys

from core.settings import PROJECT
from core.store.engine import Store
from tests.pages import synthetic
from tests.pages.visits import PAGES, keep

SCRIPT = """
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
for path in sorted(Path("pages").rglob("*.py")):
    if path.name not in ("page.py", "main.py"):  # those two are scripts: running them is their import
        __import__(".".join(path.with_suffix("").parts))
for page in sys.argv[1:]:
    app = AppTest.from_file("pages/main.py", default_timeout=120).run()
    app.switch_page(f"{page}/page.py").run()
    assert not app.exception, (page, app.exception[0].value)
heavy = [name for name in ("torch", "transformers", "safetensors") if name in sys.modules]
assert heavy == [], heavy
import app
heavy = [name for name in ("torch", "transformers", "safetensors") if name in sys.modules]
assert heavy == [], heavy
"""


def test_no_page_and_not_the_server_imports_torch(store: Store) -> None:
    run = synthetic.add_run(store, keep(store), "mine")
    synthetic.add_diagnosis(store, run, step=240, effect=0.3)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *PAGES], cwd=PROJECT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
