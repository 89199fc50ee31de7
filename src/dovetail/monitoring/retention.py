"""Forgetting what has been kept long enough, a little at a time, so that a store stays bounded.

Age is when a day was last heard of, not its date, so that a replay of old days is kept as long as
any other. Assessments, alerts and references stay: they are small and are the model's history.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.monitoring import tables as t

__all__ = ["forget"]

_EVENTS = 5000


def forget(database: Database, before_ms: int) -> int:
    """Delete the rows of days for which nothing has arrived since a moment.

    Each day is one short transaction, between which intake goes on.

    Returns:
        How many days were forgotten.
    """
    d, e = t.days.c, t.events.c
    old = sa.select(d.model, d.day).where(d.arrived_ms < before_ms)
    days = database.read(lambda c: c.execute(old).all())
    for model, day in days:
        database.write(lambda c, model=model, day=day: _forget_day(c, model, day, before_ms))  # type: ignore[misc]
    some = sa.select(e.key).where(e.arrived_ms < before_ms).limit(_EVENTS)
    statement = sa.delete(t.events).where(e.key.in_(some))
    while database.write(lambda c: c.execute(statement).rowcount):
        pass
    return len(days)


def _forget_day(connection: Connection, model: str, day: str, before_ms: int) -> None:
    d, i, o = t.days.c, t.inferences.c, t.outcomes.c
    here = (d.model == model) & (d.day == day) & (d.arrived_ms < before_ms)
    if not connection.execute(sa.delete(t.days).where(here)).rowcount:
        return  # something has just arrived for it
    rows = (i.model == model) & (i.day == day)
    named = sa.select(i.request_id).where(rows)
    connection.execute(sa.delete(t.outcomes).where(o.model == model, o.request_id.in_(named)))
    connection.execute(sa.delete(t.inferences).where(rows))
