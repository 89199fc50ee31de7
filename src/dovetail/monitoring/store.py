"""What monitoring remembers of inferences and outcomes: taking them in and giving days out.

Every event counts once, in whatever order events come: request and response complete one row,
an outcome waits for its prediction, and a change to a day raises that day's revision, by which
everything computed from it knows that it is stale.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.monitoring import tables as t
from dovetail.monitoring.classes import (
    UNSTATED,
    Label,
    Stated,
    first_choices,
    names_in,
    paired,
    stated,
    table,
)
from dovetail.monitoring.intake import Item
from dovetail.monitoring.named import Named
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.recording import Recorder
from dovetail.monitoring.tensors import Features, Schema
from dovetail.wire.monitoring import Asked

_MOST_SHARES = 1_000_000
"""Probabilities of a day that are kept in memory for its figures."""


@dataclass(frozen=True)
class Stored:
    """What became of a call's events."""

    accepted: int
    duplicates: int


@dataclass(frozen=True)
class Several:
    """Rows of a model of several classes.

    Attributes:
        shares: Probabilities, float32, shape (n, K).
        labels: What came true of each, as it was stated; None where it is not known yet.
    """

    shares: npt.NDArray[np.float32]
    labels: list[Label | None]


@dataclass
class Slice:
    """The predictions of one day by one version in one role.

    Attributes:
        role: "live" or "shadow".
        version: The version that answered.
        scores: One a row; NaN where the output is no single score.
        labels: What came true as a number; NaN where it is not known yet, or is a name.
        told: How many outcomes are known, numbers or names; None where there are only numbers.
        choices: Positions of the classes chosen, NaN where a row has none; None where none has.
        several: Probabilities and outcomes of several classes; None where there are none, or too
            many to be kept in memory.
        named: Classes that were answered by name, with their outcomes; None where none was.
    """

    role: str
    version: str
    scores: Floats
    labels: Floats
    told: int | None = None
    choices: Floats | None = None
    several: Several | None = None
    named: Named | None = None

    @property
    def outcomes(self) -> int:
        """How many rows have an outcome."""
        return int(np.isfinite(self.labels).sum()) if self.told is None else self.told


@dataclass(frozen=True)
class Located:
    """A request that brought rows.

    Attributes:
        request_id: Which.
        rows: How many.
    """

    request_id: str
    rows: int


@dataclass
class _Latest:
    """The outcome that rules for each row of a request: the one stated last."""

    values: dict[int, Stated] = field(default_factory=dict)

    def add(
        self, time_ms: int, event: str, rows: bytes, values: bytes, texts: bytes | None
    ) -> None:
        for row, value in paired(rows, values, texts):
            said = stated(time_ms, event, value)
            if said > self.values.get(row, UNSTATED):
                self.values[row] = said

    def labels(self, rows: int) -> Floats:
        found = np.full(rows, np.nan)
        for row, (_, _, name, value) in self.values.items():
            if row < rows and not name:
                found[row] = value
        return found

    def listed(self, rows: int) -> list[float | str | None]:
        found: list[float | str | None] = [None] * rows
        for row, (_, _, name, value) in self.values.items():
            if row < rows:
                found[row] = name or value
        return found

    def told(self, rows: int) -> int:
        return sum(row < rows for row in self.values)


class Store:
    """Inferences and outcomes in a database.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        shadow_features: Keep the features of shadow requests too.
    """

    def __init__(self, database: Database, *, shadow_features: bool = False) -> None:
        self.database = database
        self._recorder = Recorder(database, shadow_features=shadow_features)

    def add(self, items: Sequence[Item], now_ms: int) -> Stored:
        """Store events, each once however often it is sent; returns once they are durable."""
        if not items:
            return Stored(0, 0)
        accepted = len(self.database.write(self.adding(items, now_ms)))
        return Stored(accepted, len(items) - accepted)

    def adding(self, items: Sequence[Item], now_ms: int) -> Callable[[Connection], set[str]]:
        """Return the work that stores events; it gives the keys of those that are new."""
        return self._recorder.adding(items, now_ms)

    def models(self) -> list[dict[str, Any]]:
        """The models that events have named, with their first and last day."""
        c = t.days.c
        query = (
            sa.select(c.model, sa.func.min(c.day).label("first"), sa.func.max(c.day).label("last"))
            .group_by(c.model)
            .order_by(c.model)
        )
        return self.database.read(lambda x: [dict(r) for r in x.execute(query).mappings()])

    def has(self, model: str) -> bool:
        """Whether an event has named a model."""
        query = sa.select(t.days.c.day).where(t.days.c.model == model).limit(1)
        return self.database.read(lambda x: x.scalar(query)) is not None

    def versions(self, model: str) -> list[tuple[str, str]]:
        """The (role, version) pairs that have answered for a model."""
        c = t.inferences.c
        query = sa.select(c.role, c.version).where(c.model == model, c.version.is_not(None))
        query = query.distinct().order_by(c.role, c.version)
        return self.database.read(lambda x: [(r.role, r.version) for r in x.execute(query)])

    def revisions(self, model: str, start: str, end: str) -> dict[str, int]:
        """The days from start to end, both included, that hold anything, and their revisions."""
        c = t.days.c
        query = sa.select(c.day, c.revision).where(c.model == model, c.day.between(start, end))
        query = query.order_by(c.day)
        return self.database.read(lambda x: {r.day: r.revision for r in x.execute(query)})

    def day(self, model: str, day: str) -> list[Slice]:
        """All predictions of a day with the outcomes known so far."""
        return self.slices(model, day, day).get(day, [])

    def slices(self, model: str, start: str, end: str) -> dict[str, list[Slice]]:
        """The same of the days from start to end, both included, that hold any, in one go."""
        i, o = t.inferences.c, t.outcomes.c
        here = (i.model == model) & i.day.between(start, end)
        asked = (i.day, i.request_id, i.role, i.version, i.rows, i.scores, i.shares, i.names)
        answers = sa.select(*asked).where(here, i.scores.is_not(None))
        labels = sa.select(o.request_id, o.time_ms, o.event, o.rows, o["values"], o.texts).where(
            o.model == model, o.request_id.in_(sa.select(i.request_id).where(here))
        )

        def work(connection: Connection) -> tuple[list[Any], list[Any]]:
            ordered = answers.order_by(i.time_ms, i.request_id)
            return list(connection.execute(ordered)), list(connection.execute(labels))

        found, said = self.database.read(work)
        latest: dict[str, _Latest] = {}
        for request_id, *rest in said:
            latest.setdefault(request_id, _Latest()).add(*rest)
        days: dict[str, list[Any]] = {}
        for day, *row in found:
            days.setdefault(day, []).append(row)
        return {day: _slices(rows, latest) for day, rows in days.items()}

    def features(
        self, model: str, version: str, day: str
    ) -> list[dict[str, npt.NDArray[Any] | list[str | None]]]:
        """The features of a version's live requests of a day, one set of columns a request."""
        c = t.inferences.c
        query = (
            sa.select(c.asked_rows, c.features, t.schemas.c.body)
            .join(t.schemas, t.schemas.c.digest == c.schema)
            .where(c.model == model, c.day == day, c.role == "live", c.version == version)
            .order_by(c.time_ms, c.request_id)
        )
        rows = self.database.read(lambda x: x.execute(query).all())
        schemas = {body: msgspec.json.decode(body, type=Schema) for _, _, body in rows}
        return [Features(schemas[body], n, data).columns() for n, data, body in rows]

    def located(self, model: str, version: str, day: str) -> list[Located]:
        """Which requests brought the rows of `features`, in the same order."""
        c = t.inferences.c
        query = (
            sa.select(c.request_id, c.asked_rows)
            .where(c.model == model, c.day == day, c.role == "live", c.version == version)
            .where(c.schema.is_not(None))
            .order_by(c.time_ms, c.request_id)
        )
        return self.database.read(lambda x: [Located(*row) for row in x.execute(query)])

    def request(self, model: str, request_id: str) -> list[Asked]:
        """What is kept of a request: live, and shadow where there is one."""
        i, o = t.inferences.c, t.outcomes.c
        query = (
            sa.select(t.inferences, t.schemas.c.body)
            .outerjoin(t.schemas, t.schemas.c.digest == i.schema)
            .where(i.model == model, i.request_id == request_id)
            .order_by(i.role)
        )
        said = sa.select(o.time_ms, o.event, o.rows, o["values"], o.texts).where(
            o.model == model, o.request_id == request_id
        )

        def work(connection: Connection) -> tuple[list[Any], list[Any]]:
            return list(connection.execute(query).mappings()), list(connection.execute(said))

        found, outcomes = self.database.read(work)
        latest = _Latest()
        for one in outcomes:
            latest.add(*one)
        return [_asked(row, latest) for row in found]


def _asked(row: Mapping[Any, Any], latest: _Latest) -> Asked:
    columns: dict[str, list[Any]] = {}
    if row["body"] is not None:
        schema = msgspec.json.decode(row["body"], type=Schema)
        kept = Features(schema, row["asked_rows"], row["features"]).columns()
        columns = {name: np.asarray(values, object).tolist() for name, values in kept.items()}
    scores = np.frombuffer(row["scores"] or b"", "<f8")
    return Asked(
        request_id=row["request_id"],
        role=row["role"],
        version=row["version"],
        time=datetime.fromtimestamp(row["time_ms"] / 1000, UTC),
        features=columns,
        scores=scores.tolist(),
        outcomes=latest.listed(row["rows"]),
        shares=table(row["shares"], row["rows"]).tolist() if row["shares"] else [],
        names=names_in(row["names"]) if row["names"] else [],
    )


def _slices(found: list[Any], latest: dict[str, _Latest]) -> list[Slice]:
    parts: dict[tuple[str, str], list[tuple[Floats, Floats, int, Floats | None]]] = {}
    several: dict[tuple[str, str], list[tuple[Floats, list[Label | None]]]] = {}
    named: dict[tuple[str, str], list[Named]] = {}
    for request_id, role, version, rows, scores, shares, names in found:
        known = latest.get(request_id, _NOTHING)
        choices = None
        if shares:
            answered = table(shares, rows)
            choices = first_choices(answered)
            several.setdefault((role, version), []).append((answered, known.listed(rows)))
        if names:
            said = Named(names_in(names), known.listed(rows))
            named.setdefault((role, version), []).append(said)
        part = (np.frombuffer(scores, "<f8"), known.labels(rows), known.told(rows), choices)
        parts.setdefault((role, version), []).append(part)
    return [
        Slice(
            role,
            version,
            np.concatenate([scores for scores, _, _, _ in p]),
            np.concatenate([labels for _, labels, _, _ in p]),
            sum(told for _, _, told, _ in p),
            _choices([(len(scores), choices) for scores, _, _, choices in p]),
            _several(several.get((role, version), [])),
            _named(named.get((role, version), [])),
        )
        for (role, version), p in sorted(parts.items())
    ]


def _several(parts: list[tuple[Floats, list[Label | None]]]) -> Several | None:
    widths = {shares.shape[1] for shares, _ in parts}
    if len(widths) != 1 or sum(shares.size for shares, _ in parts) > _MOST_SHARES:
        return None
    shares = np.concatenate([shares for shares, _ in parts]).astype(np.float32)
    return Several(shares, [label for _, labels in parts for label in labels])


def _named(parts: list[Named]) -> Named | None:
    if not parts:
        return None
    return Named([x for p in parts for x in p.answers], [y for p in parts for y in p.labels])


def _choices(parts: list[tuple[int, Floats | None]]) -> Floats | None:
    if all(choices is None for _, choices in parts):
        return None
    return np.concatenate([np.full(n, np.nan) if x is None else x for n, x in parts])


_NOTHING = _Latest()
