"""Days that were closed before a version had a reference are opened again when one is fetched.

A registry that is away holds no day up: it is closed, and what its other versions showed is
weighed. The version whose profile comes later has lost nothing by that, for as long as its rows
are there.
"""

from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.monitoring import tables as t

__all__ = ["reopen"]

_DAYS = 28


def reopen(database: Database, model: str, version: str) -> list[str]:
    """Open the latest closed days on which a version answered live, if it was never assessed.

    Closed again, they are assessed for this version only: the evidence of others is past them.
    Its outcomes, which nothing has weighed, are weighed then.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        model: The model.
        version: A version that has just got its first reference.

    Returns:
        The days, of the last four weeks that were closed.
    """
    i, c, a, o = t.inferences.c, t.closed_days.c, t.assessments.c, t.outcomes.c

    def work(connection: Connection) -> list[str]:
        assessed = sa.select(a.day).where(a.model == model, a.version == version).limit(1)
        last = connection.scalar(sa.select(sa.func.max(c.day)).where(c.model == model))
        if last is None or connection.scalar(assessed) is not None:
            return []
        first = (date.fromisoformat(last) - timedelta(days=_DAYS - 1)).isoformat()
        mine = (i.model == model) & (i.version == version) & (i.role == "live")
        closed = sa.select(c.day).where(c.model == model, c.day.between(first, last))
        asked = sa.select(i.day).where(mine, i.day.in_(closed)).distinct().order_by(i.day)
        days = list(connection.execute(asked).scalars())
        named = sa.select(i.request_id).where(mine, i.day.in_(days))
        theirs = (o.model == model) & o.request_id.in_(named)
        connection.execute(sa.update(t.outcomes).where(theirs).values(judged=False))
        connection.execute(sa.delete(t.closed_days).where(c.model == model, c.day.in_(days)))
        return days

    return database.write(work)
