"""Whatever worker a fault test starts is gone after it."""

from collections.abc import Iterator

import pytest

from core.jobs import queue
from core.jobs.processes import end_job, end_tree
from core.store import queries
from core.store.engine import Store


@pytest.fixture
def workers(store: Store) -> Iterator[None]:
    yield
    for one in queries.live_workers(store):
        end_tree(one.pid, grace=5)
    for job, _ in queue.under_way(store):
        end_job(job.lease_token)
