"""Whether there is room on the disk for another job."""

import psutil

from core.jobs import queue
from core.settings import Settings
from core.store.engine import Store


def disk_has_room(store: Store, settings: Settings) -> bool:
    """Whether a job may start; where not, those that wait say why."""
    free = int(psutil.disk_usage(str(settings.home)).free) // (1024 * 1024)
    if free >= settings.min_free_mb:
        return True
    queue.explain_wait(
        store, f"waiting for disk space: {free} MiB are free, {settings.min_free_mb} are needed to start"
    )
    return False
