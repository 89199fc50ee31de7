"""Carrying out the journal: rows in small pieces, then files, then the journal's own row.

Every step can be repeated, so that a server that was killed between any two of them goes on from
where the journal says it was. Files that cannot be removed now stay in the journal, with the
reason in the job, and are tried again later.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base import telemetry
from dovetail.base.artifacts import Usage
from dovetail.base.chain import Chain
from dovetail.base.sql import Database
from dovetail.tracking.store import traces
from dovetail.tracking.store.schema import datasets, metrics
from dovetail.tracking.store.tidy_schema import tidy_items, tidy_jobs
from dovetail.tracking.tidy.journal import PHASES, hide_stragglers
from dovetail.tracking.tidy.orphans import lonely_datasets
from dovetail.tracking.tidy.places import Places
from dovetail.tracking.tidy.rows import (
    Pace,
    delete_experiment,
    delete_models,
    delete_points,
    delete_runs,
)

__all__ = ["Removal"]

log = telemetry.logger("tracking")
PAGE = 100
ROWS_OF_A_TRACE = 30
SMALL = 200
TRACES = 50


class Removal:
    """Carries out what the journal holds.

    Args:
        database: the tables.
        places: the store of the files.
        record: where the end of a job is recorded.
        now: gives the time in milliseconds.
        halted: whether to stop at the next occasion.
    """

    def __init__(
        self,
        database: Database,
        places: Places,
        record: Chain,
        now: Callable[[], int],
        halted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database, self._places, self._record = database, places, record
        self._now, self._halted = now, halted
        self._pace = Pace()

    def resume(self) -> bool:
        """Work on every job that is not done; returns whether something is left."""
        query = sa.select(tidy_jobs).where(tidy_jobs.c.finished.is_(None))
        jobs = self._database.read(lambda c: c.execute(query.order_by(tidy_jobs.c.started)).all())
        return any([self._work(job) for job in jobs])

    def _work(self, job: Row[Any]) -> bool:
        """Work on one job; returns whether something is left of it."""
        after, problem = (-1, 0), ""
        while not self._halted():
            items = self._next(job.id, after)
            if not items:
                break
            after = (items[-1].phase, items[-1].id)
            problem = self._try(job, items) or problem
        left = self._database.write(lambda c: self._close(c, job, problem))
        return bool(left)

    def _next(self, job: str, after: tuple[int, int]) -> list[Row[Any]]:
        """Return further things of one phase."""
        place = sa.tuple_(tidy_items.c.phase, tidy_items.c.id)
        query = (
            sa.select(tidy_items)
            .where(tidy_items.c.job == job, place > sa.tuple_(*(sa.literal(one) for one in after)))
            .order_by(tidy_items.c.phase, tidy_items.c.id)
            .limit(PAGE)
        )
        found = self._database.read(lambda c: c.execute(query).all())
        return [one for one in found if one.phase == found[0].phase]

    def _try(self, job: Row[Any], items: Sequence[Row[Any]]) -> str:
        """Remove some things of one phase; returns why that failed, or nothing."""
        try:
            rows = self._remove_rows(job, PHASES[items[0].phase], items)
        except Exception as error:
            log.error("removal of rows failed", job=job.id, error=str(error), exc_info=error)
            return f"rows: {type(error).__name__}: {error}"[:1000]
        if self._halted():
            self._database.write(lambda c: self._count(c, job.id, rows, Usage(0, 0)))
            return ""
        problem, done, usage = "", [], Usage(0, 0)
        for item in items:
            try:
                found = self._remove_files(item)
            except Exception as error:  # one file of many, on whatever store it is
                log.warning("removal of files failed", path=item.path, error=str(error))
                problem = f"{item.path}: {error}"[:1000]
                continue
            usage = Usage(usage.files + found.files, usage.bytes + found.bytes)
            done.append(item.id)
        self._database.write(lambda c: self._count(c, job.id, rows, usage, done))
        return problem

    def _remove_files(self, item: Row[Any]) -> Usage:
        if item.path is None:
            return Usage(0, 0)
        usage = self._places.usage(item.path)
        self._places.remove(item.path)
        return usage

    def _count(
        self, connection: Connection, job: str, rows: int, usage: Usage, done: Sequence[int] = ()
    ) -> None:
        if done:
            connection.execute(sa.delete(tidy_items).where(tidy_items.c.id.in_(done)))
        change = sa.update(tidy_jobs).where(tidy_jobs.c.id == job)
        connection.execute(
            change.values(
                rows=tidy_jobs.c.rows + rows,
                files=tidy_jobs.c.files + usage.files,
                bytes=tidy_jobs.c.bytes + usage.bytes,
            )
        )

    def _close(self, connection: Connection, job: Row[Any], problem: str) -> int:
        """Note how far a job is; returns how much is left of it."""
        count = sa.select(sa.func.count()).where(tidy_items.c.job == job.id)
        left = connection.scalar(count) or 0
        own = (tidy_jobs.c.id == job.id) & tidy_jobs.c.finished.is_(None)
        if left:
            connection.execute(sa.update(tidy_jobs).where(own).values(problem=problem))
            return left
        done = sa.update(tidy_jobs).where(own).values(problem="", finished=self._now())
        if connection.execute(done).rowcount:
            now = connection.execute(sa.select(tidy_jobs).where(tidy_jobs.c.id == job.id)).one()
            facts = {"rows": now.rows, "files": now.files, "bytes": now.bytes}
            self._record.append_in(
                connection, actor=job.actor, kind="tidy.done", subject=f"jobs/{job.id}", body=facts
            )
        return 0

    def _remove_rows(self, job: Row[Any], kind: str, items: Sequence[Row[Any]]) -> int:
        if kind == "run":
            return self._remove_runs([item for item in items if item.has_rows])
        if kind == "model":
            return self._remove_models([item for item in items if item.has_rows])
        if kind == "dataset":
            return self._remove_datasets()
        if kind == "experiment":
            return sum(self._remove_experiment(job, item) for item in items if item.has_rows)
        return 0

    def _remove_runs(self, items: Sequence[Row[Any]]) -> int:
        gone = 0
        waiting: list[Row[Any]] = []
        for item in items:
            points, ended = delete_points(self._database, item.key, self._pace, self._halted)
            gone += points
            if not ended:
                return gone
            waiting.append(item)
        while waiting and not self._halted():
            some = self._fitting(waiting)
            gone += self._forget(some, _delete_runs)
            waiting = waiting[len(some) :]
        return gone

    def _fitting(self, items: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        """Return so many of some runs as have together few enough points for one transaction."""
        keys = [item.key for item in items]
        query = sa.select(metrics.c.run, sa.func.count()).where(metrics.c.run.in_(keys))
        counts = {
            run: count
            for run, count in self._database.read(
                lambda c: c.execute(query.group_by(metrics.c.run)).all()
            )
        }
        total = taken = 0
        for item in items:
            total += counts.get(item.key, 0) + SMALL
            if taken and total > self._pace.rows:
                break
            taken += 1
        return items[:taken]

    def _remove_models(self, items: Sequence[Row[Any]]) -> int:
        gone = 0
        for start in range(0, len(items), SMALL // 10):
            if self._halted():
                break
            some = items[start : start + SMALL // 10]
            gone += self._forget(some, lambda c, part: delete_models(c, [m.name for m in part]))
        return gone

    def _remove_datasets(self) -> int:
        gone = 0
        while not self._halted():
            some = lonely_datasets().limit(self._pace.rows)
            count = self._pace.timed(
                self._database,
                lambda c: c.execute(sa.delete(datasets).where(datasets.c.id.in_(some))).rowcount,  # noqa: B023
            )
            if not count:
                break
            gone += count
        return gone

    def _remove_experiment(self, job: Row[Any], item: Row[Any]) -> int:
        def late(connection: Connection) -> int:
            return hide_stragglers(connection, self._places, job.id, item.key)

        while self._database.write(late) and not self._halted():
            for phase in (0, 1):
                while some := [
                    one for one in self._next(job.id, (phase - 1, 1 << 62)) if one.phase == phase
                ]:
                    if problem := self._try(job, some):
                        raise RuntimeError(problem)
        gone = 0
        while not self._halted() and (count := self._remove_traces(item.key)):
            gone += count
        return gone + self._forget([item], lambda c, part: delete_experiment(c, part[0].key))

    def _remove_traces(self, experiment: int) -> int:
        """Delete some of the traces of an experiment, and return about how many rows went."""
        most = max(1, self._pace.rows // ROWS_OF_A_TRACE)

        def some(connection: Connection) -> int:
            return len(traces.delete(connection, experiment, most=most)) * ROWS_OF_A_TRACE

        return self._pace.timed(self._database, some)

    def _forget(
        self,
        items: Sequence[Row[Any]],
        delete: Callable[[Connection, Sequence[Row[Any]]], int],
    ) -> int:
        """Delete the rows of some things and note that they are gone, in one transaction."""
        noted = sa.update(tidy_items).where(tidy_items.c.id.in_([item.id for item in items]))

        def work(connection: Connection) -> int:
            gone = delete(connection, items)
            connection.execute(noted.values(has_rows=False))
            return gone

        return self._database.write(work)


def _delete_runs(connection: Connection, items: Sequence[Row[Any]]) -> int:
    return delete_runs(connection, [one.key for one in items], [one.name for one in items])
