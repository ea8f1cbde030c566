"""The clock that leases, heartbeats and progress are told by.

Workers on several hosts have clocks that differ, so where they share a PostgreSQL server its clock counts. A SQLite file is
on one machine, and that machine's clock is everybody's.
"""

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.store.tables import now


def moment(session: Session) -> datetime:
    """The present moment, in UTC."""
    if session.get_bind().dialect.name != "postgresql":
        return now()
    found: datetime = session.scalars(select(func.clock_timestamp())).one()
    return found.astimezone(UTC)
