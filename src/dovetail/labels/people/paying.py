"""Statements of what the people of a project earned, from the ledger of saved answers."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Row

from dovetail.base.errors import InvalidInputError
from dovetail.labels.people import records
from dovetail.labels.people.payments import Done, Statement, period, statement
from dovetail.labels.people.room import Room

__all__ = ["Payments"]


class Payments:
    """What people earned.

    Args:
        room: The surroundings.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    def of(self, project: int, start: str, end: str, as_of: str = "") -> Statement:
        """Return the statement of a period.

        With the same `as_of` it is the same statement whenever it is asked for, as long as the
        rates are: deleted answers stay in the ledger, and reviews that came later do not count.

        Args:
            project: Whose.
            start: First day, or a moment.
            end: Last day, or the moment after.
            as_of: Reviews up to this moment count; now where it is empty.

        Raises:
            InvalidInputError: a date cannot be read, or the period is empty.
            AbsentError: there is no such project.
        """
        self._room.book.values(project)
        first, last = period(start, end)
        moment = _as_of(as_of) if as_of else _now(self._room)
        until, start_ms, end_ms = (round(m.timestamp() * 1000) for m in (moment, first, last))
        self._room.database.write(lambda _: None)  # entries that wait to be written come first
        rows = self._room.database.read(
            lambda c: records.ledger_of(c, project, start_ms, min(end_ms, until + 1))
        )
        reviews = self._room.database.read(lambda c: records.reviews_of(c, project, until))
        plan = self._room.plans.of(project)
        done = [
            Done(
                row.annotation,
                self._room.name(row.person),
                row.at_ms,
                row.seconds,
                _state(reviews.get(row.annotation)),
            )
            for row in rows
        ]
        rates = {name: pay.rate() for name, pay in plan.rates.items()}
        return statement(project, first, last, moment, done, rates, plan.pay.rate())


def _state(review: Row[Any] | None) -> str:
    return "" if review is None or review.state == "redone" else str(review.state)


def _now(room: Room) -> datetime:
    """Now, to the millisecond, as the statement writes it, so that it can be asked for again."""
    return datetime.fromtimestamp(room.now_ms() / 1000, UTC)


def _as_of(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"as_of={text[:40]!r} is no moment", fix="give it like 2026-12-02T09:30:00Z"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
