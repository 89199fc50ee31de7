"""What happens as answers are saved: the ledger, gold, and what was sent back.

The ledger is entered behind the answer's back and made whole at the next start, so that nobody
waits for it and nothing is missing from it.
"""

from typing import Any

import sqlalchemy as sa

from dovetail.base import telemetry
from dovetail.labels.backend import Changed, Saved
from dovetail.labels.people import records
from dovetail.labels.people.book import at_ms
from dovetail.labels.people.entering import Entering
from dovetail.labels.people.reviewing import Reviews
from dovetail.labels.people.room import Room
from dovetail.labels.store import tables as t

__all__ = ["Intake"]

log = telemetry.logger("labels")
_PART = 5000
_LOOKED_BACK = 10_000
_NOT_WORK = ("imported", "prediction")
"""How answers came that nobody gave here: nobody earns anything by them."""


class Intake:
    """Takes up what was saved.

    Args:
        room: The surroundings.
        reviews: Knows what was sent back.
    """

    def __init__(self, room: Room, reviews: Reviews) -> None:
        self._room, self._reviews = room, reviews
        self._entering = Entering(room.database)

    def close(self) -> None:
        """Enter what waits into the ledger."""
        self._entering.close()

    def saved(self, event: Saved) -> None:
        """Take up an annotation that is durable."""
        if event.ground_truth or event.user is None or event.action == "deleted":
            return
        now = self._room.now_ms()
        if event.action == "created" and not event.was_cancelled:
            row = {
                "annotation": event.annotation, "project": event.project, "task": event.task,
                "person": event.user, "at_ms": now, "seconds": event.lead_time,
            }  # fmt: skip
            self._entering.enter(row)
        role = self._room.access.standing(self._room.name(event.user))
        if role is None or event.project not in role:
            return  # gold and what is sent back concern those who were invited
        if event.action == "created" and self._room.queue.is_gold(event.project, event.task):
            answer = {
                "task": event.task, "person": event.user, "project": event.project,
                "attempt_ms": self._room.queue.attempt(event.project, event.user),
                "annotation": event.annotation, "is_skip": event.was_cancelled, "at_ms": now,
                "seconds": event.lead_time, "result": event.result,
            }  # fmt: skip
            self._room.database.write(lambda c: records.add_gold_answers(c, [answer]))
        if self._room.queue.answered(event.project, event.user, event.task):
            self._reviews.redone(event.project, event.task, event.annotation, event.user)

    def changed(self, event: Changed) -> None:
        """Forget what is kept of a project that was deleted, except what people earned."""
        if event.action == "PROJECT_DELETED":
            self._room.database.write(lambda c: records.forget_project(c, event.project))
            self._room.access.forget()
            self._room.book.forget(event.project)
            self._room.plans.forget(event.project)
            self._room.queue.forget(event.project)

    def catch_up(self) -> int:
        """Enter answers that the ledger lacks, and return how many there were.

        A server that is killed between an answer and its entry leaves one out.
        """
        last = self._room.database.read(records.last_ledger)
        after, entered = max(0, last - _LOOKED_BACK), 0
        while rows := self._rows(after):
            values = [
                {
                    "annotation": row.id, "project": row.project_id, "task": row.task_id,
                    "person": row.completed_by, "at_ms": at_ms(row.created_at),
                    "seconds": row.lead_time,
                }
                for row in rows
            ]  # fmt: skip
            self._enter(values)
            entered += len(values)
            after = rows[-1].id
        return entered

    def _rows(self, after: int) -> list[sa.Row[Any]]:
        return self._room.backend.database.read(lambda c: _rows(c, after))

    def _enter(self, values: list[dict[str, Any]]) -> None:
        self._room.database.write(lambda c: records.add_ledger(c, values))


def _rows(c: sa.Connection, after: int) -> list[sa.Row[Any]]:
    a = t.annotations.c
    columns = a.id, a.project_id, a.task_id, a.completed_by, a.created_at, a.lead_time
    query = sa.select(*columns).where(
        a.id > after,
        a.was_cancelled.is_(False),
        a.ground_truth.is_(False),
        a.completed_by.is_not(None),
        a.import_id.is_(None),
        sa.func.coalesce(a.last_action, "").not_in(_NOT_WORK),
    )
    return list(c.execute(query.order_by(a.id).limit(_PART)))
