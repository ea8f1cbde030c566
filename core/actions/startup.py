"""What a dashboard does before its first visitor, and while it is up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.actions.demo import add_demo
from core.jobs.launch import ensure_worker
from core.jobs.locks import watch
from core.settings import Settings
from core.store.engine import Store, open_store
from core.store.queries import list_jobs
from core.store.trouble import StoreTroubleError

LOOK_SECONDS = 5.0


@contextmanager
def open_house(settings: Settings) -> Iterator[Store]:
    """Bring the store up to date, add the demo to an empty one, start the worker, and keep it from leaving meanwhile.

    A worker that is killed is started again as long as there is something to do, whether or not anybody visits.
    """
    store = open_store(settings)
    store.migrate()
    if settings.demo:
        add_demo(store)
    mark = watch(settings.home.resolve())
    over = threading.Event()
    try:
        ensure_worker(settings)
        threading.Thread(target=_keep_worker, args=(store, settings, over), name="keep-worker", daemon=True).start()
        yield store
    finally:
        over.set()
        mark.release()


def _keep_worker(store: Store, settings: Settings, over: threading.Event) -> None:
    while not over.wait(LOOK_SECONDS):
        try:
            if list_jobs(store, active=True, limit=1):
                ensure_worker(settings)
        except (StoreTroubleError, OSError):  # the pages say so; look again later
            continue
