"""The predictions of a window from the service's store, with their labels and one feature."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.monitoring import tables as t
from dovetail.monitoring.classes import Label, names_in, paired, table
from dovetail.monitoring.columns import Values, typed
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.tensors import Features, Schema


@dataclass(frozen=True)
class Stretch:
    """Some predictions in the order in which they were made.

    Attributes:
        scores: One a row, NaN where the output was no single number, shape (n,).
        shares: Probabilities of K classes, NaN on rows of another width, shape (n, K); None where
            no row has any.
        names: The classes answered by name, n of them; None where no row has any.
        labels: The outcome stated last: a number or the name of a class, None where there is none
            yet; n of them.
        versions: Who answered, n of them.
        values: The feature that was asked for; None where none was.
        has_feature: Whether any request had it.
    """

    scores: Floats
    shares: Floats | None
    names: list[str | None] | None
    labels: list[Label | None]
    versions: list[str]
    values: Values | None
    has_feature: bool


@dataclass(frozen=True)
class _Part:
    """The predictions of one request."""

    version: str
    scores: Floats
    shares: Floats | None
    names: list[str | None] | None
    labels: list[Label | None]
    feature: list[Any]


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
        parts = [part for day in days for part in self._day(model, day, choice, by)]
        values = [value for part in parts for value in part.feature]
        return Stretch(
            np.concatenate([np.zeros(0), *[part.scores for part in parts]]),
            _shares(parts),
            _named(parts),
            [label for part in parts for label in part.labels],
            [part.version for part in parts for _ in part.labels],
            typed(values) if by is not None else None,
            any(v is not None for v in values),
        )

    def _day(self, model: str, day: str, choice: Choice, by: str | None) -> Iterator[_Part]:
        i, o = t.inferences.c, t.outcomes.c
        here = (i.model == model) & (i.day == day) & (i.role == choice.role)
        if choice.version is not None:
            here &= i.version == choice.version
        asked = [i.request_id, i.version, i.rows, i.scores, i.shares, i.names]
        made = sa.select(*asked).where(here, i.scores.is_not(None))
        if by is not None:
            joined = t.inferences.outerjoin(t.schemas, t.schemas.c.digest == i.schema)
            wanted = sa.select(*asked, i.asked_rows, i.features, t.schemas.c.body)
            made = wanted.select_from(joined).where(here, i.scores.is_not(None))
        came = sa.select(o.request_id, o.rows, o["values"], o.texts).where(
            o.model == model, o.request_id.in_(sa.select(i.request_id).where(here))
        )

        def work(connection: Connection) -> tuple[list[Any], list[Any]]:
            told = came.order_by(o.time_ms, o.event, o.id)
            return list(connection.execute(made.order_by(i.time_ms, i.request_id))), list(
                connection.execute(told)
            )

        rows, told = self._database.read(work)
        latest: dict[str, dict[int, Label]] = {}
        for request_id, numbers, stated, texts in told:
            latest.setdefault(request_id, {}).update(paired(numbers, stated, texts))
        schemas: dict[bytes, Schema] = {}
        for row in rows:
            known = latest.get(row.request_id, {})
            yield _Part(
                row.version,
                np.frombuffer(row.scores, "<f8"),
                None if row.shares is None else table(row.shares, row.rows),
                None if row.names is None else names_in(row.names),
                [known.get(number) for number in range(row.rows)],
                [] if by is None else _feature(row, by, schemas),
            )


def _shares(parts: list[_Part]) -> Floats | None:
    """All probabilities as one table, as wide as most rows are."""
    widths: Counter[int] = Counter()
    for part in parts:
        if part.shares is not None:
            widths[part.shares.shape[1]] += len(part.shares)
    if not widths:
        return None
    width = widths.most_common(1)[0][0]
    fit = [
        part.shares
        if part.shares is not None and part.shares.shape[1] == width
        else np.full((len(part.labels), width), np.nan)
        for part in parts
    ]
    return np.concatenate(fit)


def _named(parts: list[_Part]) -> list[str | None] | None:
    if all(part.names is None for part in parts):
        return None
    return [name for part in parts for name in part.names or [None] * len(part.labels)]


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
