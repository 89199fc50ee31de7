"""Outcomes that the loss evidence has not counted yet, each exactly once.

Outcomes arrive out of order and some are corrected later. The evidence counts a row when its
first outcome is known, at the first day that is closed after that; figures of a day, which may
change, always show the latest outcome instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.sql import Database
from dovetail.monitoring import tables as t
from dovetail.monitoring.classes import UNSTATED, Stated, paired, position, stated, table
from dovetail.monitoring.numeric import Floats

_CHUNK = 400
_TWO = 2
_WAIT = timedelta(days=120)
"""How long an outcome waits for a prediction before the loss evidence gives it up."""


@dataclass(frozen=True)
class Labelled:
    """Newly labelled live rows of one version, in the order of their predictions.

    Attributes:
        scores: Scores, shape (n,), or probabilities of K classes, shape (n, K).
        labels: What came true: a number, or the position of the class.
    """

    scores: Floats
    labels: Floats


@dataclass
class _Answer:
    """One live inference and the rows of it whose outcome is new."""

    time_ms: int
    version: str
    scores: Floats
    labels: dict[int, Stated] = field(default_factory=dict)


def newly_labelled(
    database: Database, model: str, day: str, classes: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Labelled], list[int]]:
    """Find live predictions up to a day whose outcomes have not been counted.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        model: The model.
        day: The last day of predictions.
        classes: The names of the classes of versions that have several.

    Returns:
        The rows by version, and the ids of the outcomes, to be marked with `mark_judged`.
    """

    def work(connection: Connection) -> tuple[list[Row[tuple[object, ...]]], dict[str, set[int]]]:
        rows = _pending(connection, model, day)
        return rows, _counted(connection, model, sorted({row.request_id for row in rows}))

    pending, counted = database.read(work)
    answers: dict[str, _Answer] = {}
    for row in pending:
        if row.role == "live":
            width = len(classes.get(row.version, ()))
            made = _Answer(row.time_ms, row.version, _answers(row, width))
            answer = answers.setdefault(row.request_id, made)
            _add(answer, row, counted.get(row.request_id, set()))
    found: dict[str, list[_Answer]] = {}
    for _, answer in sorted(answers.items(), key=lambda item: (item[1].time_ms, item[0])):
        found.setdefault(answer.version, []).append(answer)
    labelled = {v: _join(some, classes.get(v, ())) for v, some in found.items()}
    return {v: rows for v, rows in labelled.items() if len(rows.scores)}, [
        row.id for row in pending
    ]


def mark_judged(connection: Connection, model: str, day: str, outcomes: list[int]) -> None:
    """Note that outcomes were counted, and give up those that wait for nobody."""
    o = t.outcomes.c
    for i in range(0, len(outcomes), _CHUNK):
        ids = o.id.in_(outcomes[i : i + _CHUNK])
        connection.execute(sa.update(t.outcomes).where(ids).values(judged=True))
    limit = datetime.fromisoformat(day).replace(tzinfo=UTC) - _WAIT
    stale = (o.model == model) & ~o.judged & (o.time_ms < int(limit.timestamp() * 1000))
    connection.execute(sa.update(t.outcomes).where(stale).values(judged=True))


def _pending(connection: Connection, model: str, day: str) -> list[Row[tuple[object, ...]]]:
    o, i = t.outcomes.c, t.inferences.c
    joined = (i.request_id == o.request_id) & (i.model == o.model)
    query = (
        sa.select(
            o.id,
            o.request_id,
            o.event,
            o.time_ms.label("said_ms"),
            o.rows,
            o["values"].label("labels"),
            o.texts,
            i.role,
            i.version,
            i.scores,
            i.shares,
            i.rows.label("rows_answered"),
            i.time_ms,
        )
        .join(t.inferences, joined)
        .where(o.model == model, ~o.judged, i.scores.is_not(None), i.day <= day)
    )
    return list(connection.execute(query))


def _counted(connection: Connection, model: str, request_ids: list[str]) -> dict[str, set[int]]:
    """The rows of these requests that were counted before."""
    o = t.outcomes.c
    found: dict[str, set[int]] = {}
    for i in range(0, len(request_ids), _CHUNK):
        some = o.request_id.in_(request_ids[i : i + _CHUNK])
        query = sa.select(o.request_id, o.rows).where(o.model == model, o.judged, some)
        for request_id, rows in connection.execute(query):
            found.setdefault(request_id, set()).update(np.frombuffer(rows, "<i4").tolist())
    return found


def _answers(row: Any, width: int) -> Floats:
    """What was answered: probabilities of so many classes where there are any."""
    if width <= _TWO:
        return np.frombuffer(row.scores, "<f8")
    if row.shares is None:
        return np.full((row.rows_answered, width), np.nan)
    found = table(row.shares, row.rows_answered)
    return found if found.shape[1] == width else np.full((len(found), width), np.nan)


def _add(answer: _Answer, row: Any, counted: set[int]) -> None:
    for number, value in paired(row.rows, row.labels, row.texts):
        said = stated(row.said_ms, row.event, value)
        fresh = number < len(answer.scores) and number not in counted
        if fresh and said > answer.labels.get(number, UNSTATED):
            answer.labels[number] = said


def _join(answers: list[_Answer], classes: Sequence[str]) -> Labelled:
    """The rows whose outcome is a number, or one of the classes where there are several."""
    scores, labels = [], []
    for answer in answers:
        for row in sorted(answer.labels):
            _, _, name, value = answer.labels[row]
            if classes and (name or len(classes) > _TWO):
                value = position(name or value, classes)
            elif name:
                continue
            if value == value:
                scores.append(answer.scores[row])
                labels.append(value)
    return Labelled(np.array(scores, dtype=np.float64), np.array(labels, dtype=np.float64))
