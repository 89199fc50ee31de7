"""Profiles in place of rows: what a version was asked, by hour, once its features are dropped.

Evidence of a day is weighed when the day is closed; from then on features serve looking closer
only. They are what takes room, so they may be dropped long before scores and outcomes, and a
profile of each hour, in the bins of the version's reference, takes their place. Profiles of hours
merge into those of days and weeks, and any of these can become a reference.

Rows count once: a request has its features or is in a profile, and both change in one transaction.
The table has a ledger entry of its own.
"""

import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.migrations import prepare
from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.monitoring.classes import Label, paired, position, table
from dovetail.monitoring.drift import align, join
from dovetail.monitoring.profile_merge import merge_profiles
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.references import References
from dovetail.monitoring.tensors import Features, Schema

__all__ = ["Hours"]

HOURLY = 10_000
"""Rows of a day from which on each hour has a profile of its own; below, the day has one."""
_HOUR_MS = 3_600_000
_DAY = -1

_metadata = sa.MetaData()
_profiles = sa.Table(
    "hour_profiles",
    _metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("hour", sa.Integer, primary_key=True),  # -1 for the whole day
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # the file of a profile, deflated
)
_dropped = sa.Table(
    "dropped_features",
    _metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("arrived_ms", sa.BigInteger, nullable=False),  # of the day when it was done
)


class Hours:
    """Profiles of hours in a database.

    Args:
        database: Which also holds the predictions.
        references: In whose bins to count.
    """

    def __init__(self, database: Database, references: References) -> None:
        self._database, self._references = database, references
        database.write(lambda x: prepare(x, _metadata, "monitoring-hours", ()))

    def drop_features(self, before_ms: int) -> int:
        """Put profiles in place of the features of closed days that have been quiet for long.

        Features of versions without a reference stay, for there are no bins to count them in.

        Args:
            before_ms: Nothing has arrived for a day since.

        Returns:
            How many days were looked at.
        """
        d, c, x = t.days.c, t.closed_days.c, _dropped.c
        query = (
            sa.select(d.model, d.day, d.arrived_ms)
            .join(t.closed_days, (c.model == d.model) & (c.day == d.day))
            .outerjoin(_dropped, (x.model == d.model) & (x.day == d.day))
            .where(d.arrived_ms < before_ms)
            .where(x.arrived_ms.is_(None) | (x.arrived_ms < d.arrived_ms))
            .order_by(d.day, d.model)
        )
        days = self._database.read(lambda x: list(x.execute(query)))
        for model, day, arrived_ms in days:
            self._drop(model, day, arrived_ms)
        return len(days)

    def forget(self) -> int:
        """Delete the profiles of days that the store has forgotten; returns how many."""
        d = t.days.c

        def work(connection: Connection) -> int:
            gone = 0
            for held in (_profiles, _dropped):
                here = sa.exists().where(d.model == held.c.model, d.day == held.c.day)
                gone += connection.execute(sa.delete(held).where(~here)).rowcount
            return gone

        return self._database.write(work)

    def profile(self, model: str, version: str, start: str, end: str) -> Reference | None:
        """The profile of a version's live rows of some days; None where there are none.

        Rows that still have their features are counted as they are, the others by their profiles.

        Args:
            model: The model.
            version: The version; it must have a reference.
            start: The first day.
            end: The last day.
        """
        kept = [part for _, part in self._kept(model, version, start, end)]
        reference = self._references.of(model).get(version)
        d = t.days.c
        query = sa.select(d.day).where(d.model == model, d.day.between(start, end)).order_by(d.day)
        if reference is not None:
            for day in self._database.read(lambda x: list(x.execute(query).scalars())):
                kept += [part for _, part in self._made(model, day, reference)]
        return merge_profiles(*kept) if kept else None

    def has(self, model: str, version: str, start: str, end: str) -> bool:
        """Whether profiles have taken the place of any features in some days."""
        query = self._query(model, version, start, end).limit(1)
        return self._database.read(lambda x: x.execute(query).first()) is not None

    def _drop(self, model: str, day: str, arrived_ms: int) -> None:
        rows = []
        versions = []
        for version, reference in self._references.of(model).items():
            if not reference.columns or not all(p.pools for p in reference.columns):
                continue
            before = dict(self._kept(model, version, day, day))
            versions.append(version)
            for hour, part in self._made(model, day, reference):
                whole = merge_profiles(before[hour], part) if hour in before else part
                rows.append(_row(model, version, day, hour, whole))
        self._database.write(lambda c: self._write(c, model, day, arrived_ms, versions, rows))

    def _write(
        self,
        connection: Connection,
        model: str,
        day: str,
        arrived_ms: int,
        versions: Sequence[str],
        rows: Sequence[dict[str, Any]],
    ) -> None:
        d, i = t.days.c, t.inferences.c
        now = connection.scalar(sa.select(d.arrived_ms).where(d.model == model, d.day == day))
        if now != arrived_ms:
            return  # something has just arrived for it; another time
        for row in rows:
            p = _profiles.c
            keys = [p.model, p.version, p.day, p.hour]
            statement = insert(_profiles, self._database.dialect).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=row))
        mine = (i.model == model) & (i.day == day) & (i.role == "live") & i.version.in_(versions)
        nothing = {"features": None, "schema": None}
        connection.execute(sa.update(t.inferences).where(mine).values(nothing))
        done = {"model": model, "day": day, "arrived_ms": arrived_ms}
        noted = insert(_dropped, self._database.dialect).values(done)
        keys = [_dropped.c.model, _dropped.c.day]
        connection.execute(noted.on_conflict_do_update(index_elements=keys, set_=done))

    def _kept(
        self, model: str, version: str, start: str, end: str
    ) -> Iterator[tuple[int, Reference]]:
        query = self._query(model, version, start, end)
        for hour, body in self._database.read(lambda x: list(x.execute(query))):
            yield hour, Reference.from_profile(zlib.decompress(body))

    @staticmethod
    def _query(model: str, version: str, start: str, end: str) -> Any:
        c = _profiles.c
        here = (c.model == model) & (c.version == version) & c.day.between(start, end)
        return sa.select(c.hour, c.body).where(here).order_by(c.day, c.hour)

    def _made(self, model: str, day: str, reference: Reference) -> Iterator[tuple[int, Reference]]:
        """Profiles of a day's rows that have features, an hour at a time where they are many."""
        i = t.inferences.c
        here = (i.model == model) & (i.day == day) & (i.role == "live")
        here &= (i.version == reference.version) & i.schema.is_not(None)
        count = sa.select(sa.func.coalesce(sa.func.sum(i.asked_rows), 0)).where(here)
        rows = int(self._database.read(lambda x: x.scalar(count)) or 0)
        if rows < HOURLY:
            hours = [(_DAY, here)] if rows else []
        else:
            midnight = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
            ends = [midnight + hour * _HOUR_MS for hour in range(25)]
            hours = [(h, here & i.time_ms.between(ends[h], ends[h + 1] - 1)) for h in range(24)]
        for hour, chosen in hours:
            made = self._profile(model, day, reference, chosen)
            if made is not None:
                yield hour, made

    def _profile(self, model: str, day: str, reference: Reference, chosen: Any) -> Reference | None:
        i, o = t.inferences.c, t.outcomes.c
        query = (
            sa.select(i.request_id, i.asked_rows, i.scores, i.shares, i.features, t.schemas.c.body)
            .join(t.schemas, t.schemas.c.digest == i.schema)
            .where(chosen, i.asked_rows > 0)
        )
        named = sa.select(i.request_id).where(chosen)
        said = sa.select(o.request_id, o.rows, o["values"], o.texts)
        said = said.where(o.model == model, o.request_id.in_(named))
        said = said.order_by(o.time_ms, o.event, o.id)
        requests, outcomes = self._database.read(
            lambda x: (list(x.execute(query)), list(x.execute(said)))
        )
        if not requests:
            return None
        schemas = {r.body: msgspec.json.decode(r.body, type=Schema) for r in requests}
        columns = join(
            [Features(schemas[r.body], r.asked_rows, r.features).columns() for r in requests]
        )
        scores, labels = _answers(requests, outcomes, reference)
        labelled = reference.loss is not None and any(y is not None for y in labels)
        return Reference.fit(
            align([column.name for column in reference.columns], columns),
            scores=scores if reference.prediction is not None else None,
            labels=labels if labelled else None,
            version=reference.version,
            model=model,
            days=[day] * len(scores),
            like=reference,
        )


def _answers(
    requests: Sequence[Any], outcomes: Sequence[Any], reference: Reference
) -> tuple[list[Any], list[float | str | None]]:
    """Scores and the outcomes stated last, a row of the requests each; None where unknown.

    Of several classes the scores are rows of probabilities, and the outcomes names.
    """
    latest: dict[str, dict[int, Label]] = {}
    for request_id, rows, values, texts in outcomes:
        latest.setdefault(request_id, {}).update(paired(rows, values, texts))
    scores: list[Any] = []
    labels: list[float | str | None] = []
    for request in requests:
        rows = request.asked_rows
        answered: list[Any] = np.frombuffer(request.scores or b"", "<f8").tolist()
        if reference.task == "multiclass":
            answered = [] if request.shares is None else list(table(request.shares, len(answered)))
            width = len(reference.classes)
            answered = [row if len(row) == width else None for row in answered]
        scores += answered if len(answered) == rows else [None] * rows
        told = latest.get(request.request_id, {})
        labels += [_label(told.get(row), reference) for row in range(rows)]
    return scores, labels


def _label(label: Label | None, reference: Reference) -> float | str | None:
    """An outcome as a reference takes it; None for what is no class."""
    if not reference.classes:
        return None if isinstance(label, str) else label
    at = position(label, reference.classes)
    if at != at:
        return None
    return reference.classes[int(at)] if reference.task == "multiclass" else at


def _row(model: str, version: str, day: str, hour: int, profile: Reference) -> dict[str, Any]:
    body = zlib.compress(profile.profile())
    key = {"model": model, "version": version, "day": day, "hour": hour}
    return key | {"rows": profile.rows, "body": body}
