"""The use cases of tidying, beneath HTTP, commands and pages."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from dovetail.base.chain import Chain, Entry
from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import PlanChangedError
from dovetail.tracking.store.tidy_schema import tidy_items, tidy_jobs, tidy_log
from dovetail.tracking.tidy.journal import Begin, begin
from dovetail.tracking.tidy.places import Places
from dovetail.tracking.tidy.plan import instant_of, make_plan
from dovetail.tracking.tidy.removal import Removal
from dovetail.wire.tidy import Confirmed, Job, Plan, TidyRequest

__all__ = ["Tidy"]

JOBS = 50


class Tidy:
    """Plans, removes, and tells what was removed.

    Args:
        database: the tables of tracking.
        backend: the store of the files, and the time.
        grace_days: how long a deleted thing may be restored where a request does not say.
        wake: called when there is something to remove in the background.
        halted: whether to stop removing at the next occasion.
    """

    def __init__(
        self,
        database: Database,
        backend: Backend,
        grace_days: float,
        wake: Callable[[], None] = lambda: None,
        halted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database, self._backend = database, backend
        self.grace_days, self._wake = grace_days, wake
        self.places = Places(backend.artifacts)
        self.record = Chain(database, tidy_log)
        self._removal = Removal(database, self.places, self.record, backend.now, halted)

    def plan(self, request: TidyRequest) -> Plan:
        """Say what would go now; nothing changes.

        Raises:
            NotFoundError: something that is named does not exist.
            InvalidInputError: the grace period is negative.
        """
        return self._plan(request, self._backend.now())

    def execute(self, asked: Confirmed, actor: str, cause: str = "request") -> Job:
        """Remove exactly what the confirmed plan says; files and points go in the background.

        Raises:
            PlanChangedError: what would go now is not what the plan says.
            InvalidInputError: what confirms is not the mark of a plan.
        """
        fields = {name: getattr(asked, name) for name in TidyRequest.__struct_fields__}
        now = self._backend.now()
        as_of = instant_of(asked.confirm, now)
        plan = self._plan(TidyRequest(**fields), as_of, looking=False)
        if plan.confirm != asked.confirm:
            raise PlanChangedError
        return self.carry_out(plan, actor, cause)

    def carry_out(self, plan: Plan, actor: str, cause: str) -> Job:
        """Begin to remove what a plan says."""
        if plan.is_empty():
            raise InvalidInputError("the plan removes nothing", fix="plan something else")
        asked = Begin(plan, actor, cause, self._backend.now())
        job = self._database.write(lambda c: begin(c, self.places, self.record, asked))
        self._wake()
        return self.job(job)

    def job(self, job_id: str) -> Job:
        """Say how far a job is.

        Raises:
            NotFoundError: there is none.
        """
        found = self._jobs(sa.select(tidy_jobs).where(tidy_jobs.c.id == job_id))
        if not found:
            raise NotFoundError(f"job {job_id!r} does not exist")
        return found[0]

    def jobs(self) -> list[Job]:
        """Return the newest jobs."""
        newest = (tidy_jobs.c.started.desc(), tidy_jobs.c.id.desc())
        return self._jobs(sa.select(tidy_jobs).order_by(*newest).limit(JOBS))

    def log(self, limit: int, before: int | None) -> Sequence[Entry]:
        """Return the record of what was removed, newest first."""
        return self.record.entries(limit=limit, before=before)

    def resume(self) -> bool:
        """Work off the journal here and now; returns whether something is left."""
        return self._removal.resume()

    def _plan(self, request: TidyRequest, as_of: int, *, looking: bool = True) -> Plan:
        grace = self.grace_days if request.grace_days is None else request.grace_days
        if not 0 <= grace <= 36_500:
            raise InvalidInputError(f"{grace} is no number of days", fix="give 0 or more")
        whole = msgspec.structs.replace(request, grace_days=float(grace))
        return self._database.read(
            lambda c: make_plan(c, self.places, whole, as_of, looking=looking)
        )

    def _jobs(self, query: sa.Select[Any]) -> list[Job]:
        count = sa.select(sa.func.count()).where(tidy_items.c.job == tidy_jobs.c.id)
        counted = query.add_columns(count.correlate(tidy_jobs).scalar_subquery().label("left"))
        rows = self._database.read(lambda c: c.execute(counted).all())
        return [_job(row) for row in rows]


def _job(row: Row[Any]) -> Job:
    state: Any = "done" if row.finished else "waiting" if row.problem else "running"
    names = [name for name in Job.__struct_fields__ if name not in ("state",)]
    return Job(state=state, **{name: row._mapping[name] for name in names})
