"""Taking events into the database, each once however often and in whatever order they come.

A request and its response complete one row of `inferences`: a side that is there already is a
second delivery. Outcomes are events of their own, whose keys are noted. A change to a day raises
that day's revision, by which everything computed from it knows that it is stale.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.monitoring.bulk import Bulk, driven
from dovetail.monitoring.intake import Inference, Item, Outcomes, day_of
from dovetail.monitoring.tensors import Schema

__all__ = ["Recorder", "chunks"]

_CHUNK = 400
_ASKED = ("time_ms", "day", "asked_rows", "schema", "features")
_ANSWERED = ("version", "rows", "scores", "shares", "names")
_KNOWN = """
SELECT request_id, model, role, day, asked_rows IS NOT NULL, scores IS NOT NULL
FROM inferences WHERE request_id IN (SELECT value FROM json_each(?))
"""
_Side = tuple[str, str, str]


class _Row(msgspec.Struct, gc=False):
    """An inference as it is, or will be, in the table, and which sides of it are there."""

    request_id: str
    model: str
    role: str
    is_stored: bool = False
    asked: bool = False
    answered: bool = False
    time_ms: int = 0
    day: str = ""
    version: str | None = None
    rows: int | None = 0
    asked_rows: int | None = None
    scores: bytes | None = None
    shares: bytes | None = None
    names: bytes | None = None
    schema: str | None = None
    features: bytes | None = None


class _Day(msgspec.Struct, gc=False):
    """A day that has changed."""

    model: str
    day: str
    arrived_ms: int
    revision: int = 1


class _Schema(msgspec.Struct, gc=False):
    digest: str
    body: bytes


class Recorder:
    """Writes what events say.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        shadow_features: Keep the features of shadow requests too.
    """

    def __init__(self, database: Database, *, shadow_features: bool = False) -> None:
        self._dialect = dialect = database.dialect
        self._shadow_features = shadow_features
        # Built once, so that each is compiled a single time.
        d = t.days.c
        events, schemas = insert(t.events, dialect), insert(t.schemas, dialect)
        self._claiming = events.on_conflict_do_nothing().returning(t.events.c.key)
        here = t.events.c.key.in_(sa.bindparam("keys", expanding=True))
        self._knowing, self._noting = sa.select(t.events.c.key).where(here), sa.insert(t.events)
        self._new_schema = Bulk(schemas.on_conflict_do_nothing(), ("digest", "body"), dialect)
        names = ("request_id", "model", "role", *_ASKED, *_ANSWERED)
        self._completing = Bulk(_completing(dialect), names, dialect)
        days = insert(t.days, dialect)
        changes = {
            "revision": d.revision + sa.literal_column("1"),
            "arrived_ms": days.excluded.arrived_ms,
        }
        self._touching = Bulk(
            days.on_conflict_do_update(index_elements=[d.model, d.day], set_=changes),
            ("model", "day", "revision", "arrived_ms"),
            dialect,
        )

    def adding(self, items: Sequence[Item], now_ms: int) -> Callable[[Connection], set[str]]:
        """Return the work that stores events; it gives the keys of those that are new."""
        unique = {item.key: item for item in reversed(items)}  # of several the first counts
        said = [item for item in reversed(unique.values()) if item.inference is not None]
        told = [item for item in unique.values() if item.inference is None]

        def work(connection: Connection) -> set[str]:
            fresh, changed = self._put_inferences(connection, said)
            if told:
                claimed = self._claim(connection, [item.key for item in told], now_ms)
                fresh |= claimed
                changed |= _put_outcomes(connection, [x for x in told if x.key in claimed])
            days = [_Day(model, day, now_ms) for model, day in sorted(changed)]
            self._touching.run(connection, days)
            return fresh

        return work

    def _claim(self, connection: Connection, keys: list[str], now_ms: int) -> set[str]:
        """Note the events and tell which of them are new."""
        fresh: set[str] = set()
        for some in chunks(keys):
            if self._dialect == "sqlite":
                # One transaction writes at a time, so nothing comes between looking and noting.
                known = set(connection.execute(self._knowing, {"keys": some}).scalars())
                new = [key for key in some if key not in known]
                if new:
                    rows = [{"key": key, "arrived_ms": now_ms} for key in new]
                    connection.execute(self._noting, rows)
                fresh.update(new)
            else:
                rows = [{"key": key, "arrived_ms": now_ms} for key in some]
                fresh |= set(connection.execute(self._claiming, rows).scalars())
        return fresh

    def _put_inferences(
        self, connection: Connection, items: list[Item]
    ) -> tuple[set[str], set[tuple[str, str]]]:
        """Complete rows; returns the keys of what is new and the days that have changed."""
        fresh: set[str] = set()
        changed: set[tuple[str, str]] = set()
        schemas: dict[str, bytes] = {}
        if not items:
            return fresh, changed
        found = self._known(connection, {x.inference.request_id for x in items if x.inference})
        taken: list[_Row] = []
        for item in items:
            one = item.inference
            assert one is not None
            key = (one.request_id, one.model, one.role)
            row = found.get(key)
            if row is None:
                row = found[key] = _Row(*key)
                taken.append(row)
            elif row.asked if one.asked_rows is not None else row.answered:
                continue
            elif row.is_stored:
                changed.add((row.model, row.day))
                taken.append(row)
            self._take(row, one, schemas)
            changed.add((row.model, row.day))
            fresh.add(item.key)
        if schemas:
            self._new_schema.run(connection, [_Schema(*pair) for pair in schemas.items()])
        self._completing.run(connection, taken)
        return fresh, changed

    def _known(self, connection: Connection, names: set[str]) -> dict[_Side, _Row]:
        """The inferences of these requests that are stored, as far as events complete them."""
        found: dict[_Side, _Row] = {}
        for request_id, model, role, day, asked, answered in self._look(connection, names):
            found[request_id, model, role] = _Row(
                request_id, model, role, True, bool(asked), bool(answered), day=day
            )
        return found

    def _look(self, connection: Connection, names: set[str]) -> Iterable[Any]:
        if self._dialect == "sqlite":  # one text for any number of names, so one compilation
            listed = msgspec.json.encode(list(names)).decode()
            return driven(connection, _KNOWN, (listed,))
        c = t.inferences.c
        sides = c.asked_rows.is_not(None), c.scores.is_not(None)
        query = sa.select(c.request_id, c.model, c.role, c.day, *sides)
        some = chunks(sorted(names))
        return [r for x in some for r in connection.execute(query.where(c.request_id.in_(x)))]

    def _take(self, row: _Row, one: Inference, schemas: dict[str, bytes]) -> None:
        """Put what an event says into a row; the time of the request rules."""
        if one.asked_rows is None:
            row.answered = True
            row.version, row.rows = one.version, one.rows
            row.scores, row.shares, row.names = one.scores, one.shares, one.names
            if not row.asked and not row.is_stored:
                row.time_ms, row.day = one.time_ms, day_of(one.time_ms)
            return
        row.asked, row.asked_rows = True, one.asked_rows
        row.time_ms, row.day = one.time_ms, day_of(one.time_ms)
        features = one.features
        if features is not None and (one.role != "shadow" or self._shadow_features):
            digest, body = _digested(features.schema)
            schemas[digest] = body
            row.schema, row.features = digest, features.data


def _completing(dialect: str) -> Any:
    """An INSERT that completes the row that is there of the other side."""
    i = t.inferences.c
    statement = insert(t.inferences, dialect)
    new = statement.excluded
    unasked = i.asked_rows.is_(None) & new.asked_rows.is_not(None)
    sets = {name: sa.case((unasked, new[name]), else_=i[name]) for name in _ASKED}
    unanswered = i.scores.is_(None) & new.scores.is_not(None)
    sets |= {name: sa.case((unanswered, new[name]), else_=i[name]) for name in _ANSWERED}
    return statement.on_conflict_do_update(
        index_elements=[i.request_id, i.model, i.role], set_=sets
    )


def _put_outcomes(connection: Connection, items: list[Item]) -> set[tuple[str, str]]:
    rows = [_outcome_row(item.key, said) for item in items for said in item.outcomes]
    if not rows:
        return set()
    connection.execute(sa.insert(t.outcomes), rows)
    changed: set[tuple[str, str]] = set()
    c = t.inferences.c
    for some in chunks([row["request_id"] for row in rows]):
        query = sa.select(c.model, c.day).where(c.request_id.in_(some)).distinct()
        changed |= {(row.model, row.day) for row in connection.execute(query)}
    models = {row["model"] for row in rows}
    return {pair for pair in changed if pair[0] in models}


def _outcome_row(key: str, said: Outcomes) -> dict[str, Any]:
    return {
        "request_id": said.request_id,
        "model": said.model,
        "event": key,
        "time_ms": said.time_ms,
        "rows": said.rows,
        "values": said.values,
        "texts": said.texts,
        "judged": False,
    }


@lru_cache(maxsize=512)
def _digested(schema: Schema) -> tuple[str, bytes]:
    """The digest and the JSON of a schema; requests of a model share theirs."""
    body = msgspec.json.encode(schema)
    return sha256(body).hexdigest()[:32], body


def chunks(values: list[str]) -> Iterable[list[str]]:
    """Parts of a list that are short enough for one statement."""
    return (values[i : i + _CHUNK] for i in range(0, len(values), _CHUNK))
