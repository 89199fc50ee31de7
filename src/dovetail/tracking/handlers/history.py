"""Use cases on the history of the registry: what happened, and what was in force at an instant."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection, Row

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.store import history
from dovetail.wire.history import (
    AliasThen,
    HistoryEvent,
    HistoryPage,
    ModelThen,
    StageThen,
)

__all__ = ["event", "instant_of", "model_at", "page"]

PAGE = 100
DAY = "%Y-%m-%d"


def instant_of(text: str, now: int) -> int:
    """Return the instant that a text names, in milliseconds since 1970.

    Args:
        text: ISO 8601, without a time zone in UTC; a date alone means the end of that day;
            `now`; or milliseconds since 1970.
        now: The present instant.

    Raises:
        InvalidParameterError: It names none.

    Example:
        >>> instant_of("1970-01-01", 0), instant_of("1970-01-01T00:00:01Z", 0)
        (86399999, 1000)
    """
    text = text.strip()
    if text.lower() == "now":
        return now
    if text.isascii() and text.isdigit() and len(text) > len("20260503"):
        return min(int(text), 1 << 62)
    try:
        if len(text) == len("2026-05-03"):
            day = datetime.strptime(text, DAY).replace(tzinfo=UTC)
            return int((day + timedelta(days=1)).timestamp() * 1000) - 1
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise InvalidParameterError(
            f"Invalid value '{text}' for parameter 'at': it must be a date such as 2026-05-03, an "
            "instant such as 2026-05-03T12:00:00Z, or milliseconds since 1970."
        ) from error


def model_at(c: Connection, name: str, at: int) -> ModelThen:
    """Return a model as of an instant.

    Args:
        c: where to read.
        name: what it was called then; else what it came to be called, if it was renamed since.
        at: milliseconds since 1970.

    Raises:
        MissingResourceError: no model ever had this name.
    """
    oldest = history.first(c, name)
    if oldest is None:
        raise MissingResourceError(f"Registered Model with name={name} not found")
    if oldest.at > at:
        former = history.origin(c, name, at)
        if former is not None:
            return model_at(c, former, at)
        known = oldest.cause != history.KNOWN
        return ModelThen(name=name, at=at, known=known, exists=False, begins=oldest.at)
    rows = history.state(c, name, at)
    model = rows.get((history.MODEL, name))
    return ModelThen(
        name=name,
        at=at,
        known=True,
        exists=model is not None and model.after == name,
        begins=oldest.at,
        aliases=[_alias(row) for (topic, _), row in rows.items() if topic == history.ALIAS],
        stages=_stages(rows.values()),
    )


def _alias(row: Row[Any]) -> AliasThen:
    return AliasThen(alias=row.subject, version=row.after, since=row.at, actor=row.actor)


def _stages(rows: Iterable[Row[Any]]) -> list[StageThen]:
    found = [
        StageThen(version=row.subject, stage=row.after, since=row.at, actor=row.actor)
        for row in rows
        if row.topic == history.STAGE and row.after not in (None, history.NO_STAGE)
    ]
    return sorted(found, key=lambda one: int(one.version), reverse=True)


def event(row: Row[Any]) -> HistoryEvent:
    """Return a row of the history as it is seen from outside."""
    return HistoryEvent(
        at=row.at,
        actor=row.actor,
        topic=row.topic,
        subject=row.subject,
        before=row.before,
        after=row.after,
        cause=row.cause,
    )


def page(
    b: Backend, c: Connection, name: str, where: dict[str, str], offset: int, at: str
) -> HistoryPage:
    """Return changes under a name, newest first, and the model as of an instant.

    Args:
        b: the surroundings.
        c: where to read.
        name: what the model is or was called.
        where: values that `topic` or `subject` must have.
        offset: how many changes to pass over.
        at: the instant, as `instant_of` reads it; empty for none.

    Raises:
        MissingResourceError: no model ever had this name.
    """
    then = model_at(c, name, instant_of(at, b.now())) if at else None
    rows = history.events(c, name, where, (offset, PAGE + 1))
    total = history.count(c, name)
    if not total:
        raise MissingResourceError(f"Registered Model with name={name} not found")
    return HistoryPage(
        name=name,
        events=[event(row) for row in rows[:PAGE]],
        total=total,
        next=str(offset + PAGE) if len(rows) > PAGE else "",
        then=then,
    )
