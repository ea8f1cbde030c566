"""What a dashboard does before its first visitor, and while it is up."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.actions.demo import add_demo
from core.jobs.launch import ensure_worker
from core.jobs.locks import watch
from core.settings import Settings
from core.store.engine import Store, open_store


@contextmanager
def open_house(settings: Settings) -> Iterator[Store]:
    """Bring the store up to date, add the demo to an empty one, start the worker, and keep it from leaving meanwhile."""
    store = open_store(settings)
    store.migrate()
    if settings.demo:
        add_demo(store)
    mark = watch(settings.home.resolve())
    try:
        ensure_worker(settings)
        yield store
    finally:
        mark.release()
