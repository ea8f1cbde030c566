"""Visiting pages without a browser, and small data sets to visit them with."""

from functools import cache

import numpy as np
import pandas as pd
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from core.actions.datasets import store_dataset
from core.datasets.mapping import ColumnMapping
from core.datasets.prepare import Prepared
from core.settings import PROJECT
from core.store.engine import Store
from core.store.tables import Dataset, Job, Run, Worker
from tests.pages.synthetic import sentences

manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
"""Every run of a page looks for components of Streamlit's in all packages that are installed; once is enough here."""

PAGES = ("overview", "data", "train", "diagnose", "tune", "compare", "try_it", "jobs")


def visit(page: str, **query: str) -> AppTest:
    """Open a page through the entry script by its address, as a visitor with a link does."""
    app = AppTest.from_file(str(PROJECT / "pages" / "main.py"), default_timeout=60)
    if page != "overview":
        # `switch_page` would have to run Overview first. A page's hash is that of its path in the address.
        app._page_hash = calc_hash({"try_it": "try"}.get(page, page))
    for name, value in query.items():
        app.query_params[name] = value
    return healthy(app.run())


def healthy(app: AppTest) -> AppTest:
    """Fail with the page's own error if there is one."""
    assert not app.exception, app.exception[0].value
    return app


def words(app: AppTest) -> str:
    """All that a page says in text, Markdown, captions, messages and progress bars, as it reads (unescaped)."""
    kinds = (
        *(app.title, app.header, app.subheader, app.markdown, app.caption, app.text),
        *(app.error, app.warning, app.info, app.success),
    )
    said = [str(element.value) for kind in kinds for element in kind]
    said += [element.text for element in app.get("progress")]
    return "\n".join(said).replace("\\", "")


def keep(store: Store, name: str = "headlines", *, n_train: int = 200, n_dev: int = 80) -> Dataset:
    """A stored data set of made-up headlines with its real profile."""
    rng = np.random.default_rng(1)
    parts = [
        sentences(n_train, rng, aligned=0.9, prefix=True, split="train"),
        sentences(n_dev, rng, aligned=0.5, prefix=True, split="dev"),
    ]
    frame = pd.concat(parts, ignore_index=True)
    mapping = ColumnMapping(text="text", label="label", confound="confound")
    return store_dataset(
        store, Prepared(frame, ["A note."]), mapping, name=name, proposal="x", sources={"files": {"train": "a.csv"}}
    )


def job(store: Store, run: Run | None = None, **values: object) -> Job:
    """A job in whatever state."""
    row = Job(kind="train", payload={}, run_id=run.id if run else None)
    for name, value in values.items():
        setattr(row, name, value)
    with store.writing() as session:
        session.add(row)
    return row


def worker(store: Store) -> Worker:
    """A worker that has just given a sign of life."""
    row = Worker(host="here", pid=1, device="CPU, 2 cores", code_version="abc")
    with store.writing() as session:
        session.add(row)
    return row
