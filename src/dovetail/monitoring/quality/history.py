"""The predictions of a window from the service's store, with their labels and one feature."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.monitoring import tables as t
from dovetail.monitoring.columns import Values, typed
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.tensors import Features, Schema


@dataclass(frozen=True)
class Stretch:
    """Some predictions in the order in which they were made.

    Attributes:
        scores: One a row, NaN where the output was no single number, shape (n,).
        labels: The outcome stated last, NaN where there is none yet, shape (n,).
        versions: Who answered, shape (n,).
        values: The feature that was asked for; None where none was.
        has_feature: Whether any request had it.
    """

    scores: Floats
    labels: Floats
    versions: list[str]
    values: Values | None
    has_feature: bool


class History:
    """Reads windows of a model's predictions.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, model: str, days: list[str], choice: Choice, by: str | None) -> Stretch:
        """The predictions of some days.

        Args:
            model: The model.
            days: Which days, like 2013-04-01.
            choice: Which predictions count.
            by: A feature to read too.
        """
        scores, labels, versions, values = [np.zeros(0)], [np.zeros(0)], [], []
        for day in days:
            for version, answered, came, feature in self._day(model, day, choice, by):
                scores.append(answered)
                labels.append(came)
                versions += [version] * len(answered)
                values += feature
        return Stretch(
            np.concatenate(scores),
            np.concatenate(labels),
            versions,
            typed(values) if by is not None else None,
            any(v is not None for v in values),
        )

    def _day(
        self, model: str, day: str, choice: Choice, by: str | None
    ) -> Iterator[tuple[str, Floats, Floats, list[Any]]]:
        i, o = t.inferences.c, t.outcomes.c
        here = (i.model == model) & (i.day == day) & (i.role == choice.role)
        if choice.version is not None:
            here &= i.version == choice.version
        asked = [i.request_id, i.version, i.rows, i.scores]
        made = sa.select(*asked).where(here, i.scores.is_not(None))
        if by is not None:
            joined = t.inferences.outerjoin(t.schemas, t.schemas.c.digest == i.schema)
            wanted = sa.select(*asked, i.asked_rows, i.features, t.schemas.c.body)
            made = wanted.select_from(joined).where(here, i.scores.is_not(None))
        came = sa.select(o.request_id, o.rows, o["values"]).where(
            o.model == model, o.request_id.in_(sa.select(i.request_id).where(here))
        )

        def work(connection: Connection) -> tuple[list[Any], list[Any]]:
            told = came.order_by(o.time_ms, o.event, o.id)
            return list(connection.execute(made.order_by(i.time_ms, i.request_id))), list(
                connection.execute(told)
            )

        rows, told = self._database.read(work)
        latest: dict[str, dict[int, float]] = {}
        for request_id, numbers, stated in told:
            known = latest.setdefault(request_id, {})
            pairs = zip(np.frombuffer(numbers, "<i4"), np.frombuffer(stated, "<f8"), strict=True)
            known.update((int(n), float(v)) for n, v in pairs)
        schemas: dict[bytes, Schema] = {}
        for row in rows:
            labels = np.full(row.rows, np.nan)
            for number, value in latest.get(row.request_id, {}).items():
                if number < row.rows:
                    labels[number] = value
            feature = [] if by is None else _feature(row, by, schemas)
            yield row.version, np.frombuffer(row.scores, "<f8"), labels, feature


def _feature(row: Any, name: str, schemas: dict[bytes, Schema]) -> list[Any]:
    """The values of one feature of one request; None where it does not have it."""
    nothing: list[Any] = [None] * row.rows
    if row.features is None or row.body is None or row.asked_rows != row.rows:
        return nothing
    schema = schemas.get(row.body)
    if schema is None:
        schema = schemas[row.body] = msgspec.json.decode(row.body, type=Schema)
    found = Features(schema, row.asked_rows, row.features).columns().get(name)
    if found is None:
        return nothing
    return found.tolist() if isinstance(found, np.ndarray) else found
