"""Closing days: evidence is weighed once a day, for each version, and alerts are raised.

A day is closed by the caller's clock in a replay and by a background tick in real life. All that a
closed day changes is written in one transaction with the note that it is closed, so a day counts
once however often, and by however many servers, it is closed.
"""

import threading
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.clock import Clock, now_ms
from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.monitoring.alerts import Alerts
from dovetail.monitoring.classes import chosen
from dovetail.monitoring.closer import Closer
from dovetail.monitoring.columns import Values
from dovetail.monitoring.drift import Watch, assess, join, watch_inputs
from dovetail.monitoring.evidence import DaySums
from dovetail.monitoring.labelled import Labelled, mark_judged, newly_labelled
from dovetail.monitoring.loss import Loss, assess_loss, watch_loss
from dovetail.monitoring.messages import Context, drift_alert, loss_alert
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.references import References
from dovetail.monitoring.store import Slice, Store
from dovetail.wire.monitoring import Alert, Drift

Kind = Literal["drift", "performance"]
_GONE, _USUAL = timedelta(days=7), 28
"""A version that has not answered live for so long has been replaced; its alerts are resolved."""


@dataclass(frozen=True)
class Assessment:
    """What one closed day said of one version.

    Attributes:
        version: The version.
        kind: "drift" or "performance".
        day: The day.
        found: The finding.
    """

    version: str
    kind: Kind
    day: str
    found: Drift | Loss


@dataclass
class _Step:
    """One stream of evidence after a day, ready to be written."""

    version: str
    kind: Kind
    watch: Watch
    reference: Reference
    found: Drift | Loss
    context: Context = field(default_factory=Context)


class Assessor:
    """Weighs evidence day by day.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        store: Predictions and outcomes.
        references: Reference profiles.
        alerts: Where alerts are raised.
        alpha: The alarm budget of a version for a year; half for drift, half for loss where its
            reference has labels.
        clock: When things are noted.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        references: References,
        alerts: Alerts,
        *,
        alpha: float,
        clock: Clock,
    ) -> None:
        self._database, self._store = database, store
        self._references, self._alerts = references, alerts
        self._alpha, self._clock = alpha, clock
        self._closer = Closer(store)
        self._lock = threading.Lock()

    def close(self, model: str, day: str) -> list[Alert]:
        """Close all days of a model up to `day`, oldest first; returns the alerts raised."""
        with self._lock:
            raised = []
            for one in self._open_days(model, day):
                raised += self._close_one(model, one)
            return raised

    def settled(self, today: str, before_ms: int) -> dict[str, str]:
        """For each model the last open day before today up to which nothing came lately.

        One query for all models, for there may be thousands of which few have an open day.
        """
        d, c = t.days.c, t.closed_days.c
        query = (
            sa.select(d.model, d.day, d.arrived_ms)
            .outerjoin(t.closed_days, (c.model == d.model) & (c.day == d.day))
            .where(d.day < today, c.day.is_(None))
            .order_by(d.model, d.day)
        )
        found: dict[str, str] = {}
        unsettled: set[str] = set()
        for model, day, arrived_ms in self._database.read(lambda x: x.execute(query).all()):
            if arrived_ms > before_ms:
                unsettled.add(model)
            elif model not in unsettled:
                found[model] = day
        return found

    def between(self, model: str, start: str, end: str) -> list[Assessment]:
        """The assessments of the days from start to end, oldest first."""
        c = t.assessments.c
        query = (
            sa.select(c.version, c.kind, c.day, c.body)
            .where(c.model == model, c.day.between(start, end))
            .order_by(c.day, c.version)
        )
        rows = self._database.read(lambda x: list(x.execute(query)))
        return [
            Assessment(version, kind, day, _found(kind, body)) for version, kind, day, body in rows
        ]

    def latest(self) -> list[tuple[str, Assessment]]:
        """The last assessment of each kind for every version of every model."""
        a = t.assessments.c
        last = (
            sa.select(a.model, a.version, a.kind, sa.func.max(a.day).label("day"))
            .group_by(a.model, a.version, a.kind)
            .subquery()
        )
        same = [a[name] == last.c[name] for name in ("model", "version", "kind", "day")]
        query = sa.select(a.model, a.version, a.kind, a.day, a.body).join(last, sa.and_(*same))
        rows = self._database.read(lambda x: x.execute(query).all())
        return [
            (model, Assessment(version, kind, day, _found(kind, body)))
            for model, version, kind, day, body in rows
        ]

    def restart_in(self, connection: Connection, alert: Alert) -> None:
        """Forget the evidence behind an alert, because somebody dealt with it; the pools stay."""
        c, a = t.evidence.c, t.assessments.c
        model, version, kind = alert.model, alert.version, alert.kind
        here = (a.model == model) & (a.version == version) & (a.kind == kind)
        last = connection.scalar(sa.select(sa.func.max(a.day)).where(here))
        if last is not None:
            began = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
            mine = (c.model == model) & (c.version == version) & (c.kind == kind)
            connection.execute(sa.update(t.evidence).where(mine).values(began=began))

    def _open_days(self, model: str, day: str) -> list[str]:
        d, c = t.days.c, t.closed_days.c
        closed = sa.select(c.day).where(c.model == model)
        query = (
            sa.select(d.day)
            .where(d.model == model, d.day <= day, d.day.not_in(closed))
            .order_by(d.day)
        )
        return self._database.read(lambda x: list(x.execute(query).scalars()))

    def _close_one(self, model: str, day: str) -> list[Alert]:
        slices = {p.version: p for p in self._store.day(model, day) if p.role == "live"}
        references = self._references.of(model)
        classes = {v: one.classes for v, one in references.items() if one.classes}
        labelled, outcomes = newly_labelled(self._database, model, day, classes)
        steps: list[_Step] = []
        for version, reference in references.items():
            if version in slices:
                steps += self._drift(model, day, reference, slices[version])
            if version in labelled:
                steps += self._loss(model, day, reference, labelled[version])
        return self._database.write(lambda c: self._write(c, model, day, steps, outcomes))

    def _drift(self, model: str, day: str, reference: Reference, part: Slice) -> list[_Step]:
        if not reference.streams:
            return []
        version = reference.version
        watch = self._resume(model, day, reference, "drift", watch_inputs(reference))
        if watch is None:
            return []
        columns = watch.read(join(self._store.features(model, version, day)))
        about = f"{model}\0{version}\0drift"
        alpha = reference.budget(self._alpha)
        found = assess(watch, day, columns, _predicted(reference, part), alpha=alpha, about=about)
        context = Context()
        if found.alarm and not self._alerts.is_active(model, version, "drift"):
            before = self._rows_before(model, version, day)
            context = self._closer.drift(model, day, reference, found, columns, before)
        return [_Step(version, "drift", watch, reference, found, context)]

    def _rows_before(self, model: str, version: str, day: str) -> list[int]:
        """Rows of the days assessed lately, for what is usual."""
        c = t.assessments.c
        here = (c.model == model) & (c.version == version) & (c.kind == "drift") & (c.day < day)
        query = sa.select(c.rows).where(here).order_by(c.day.desc()).limit(_USUAL)
        return self._database.read(lambda x: list(x.execute(query).scalars()))

    def _loss(self, model: str, day: str, reference: Reference, rows: Labelled) -> list[_Step]:
        version, fresh = reference.version, watch_loss(reference)
        if fresh is None:
            return []
        watch = self._resume(model, day, reference, "performance", fresh)
        if watch is None:
            return []
        about = f"{model}\0{version}\0performance"
        alpha = reference.budget(self._alpha)
        found = assess_loss(watch, day, rows.scores, rows.labels, alpha=alpha, about=about)
        context = Context()
        if found.alarm and not self._alerts.is_active(model, version, "performance"):
            context = self._closer.loss(model, day, reference, found)
        return [_Step(version, "performance", watch, reference, found, context)]

    def _resume(
        self, model: str, day: str, reference: Reference, kind: Kind, watch: Watch
    ) -> Watch | None:
        """Bring a watch to where it stood; None for a day before the last one assessed."""
        c, a = t.evidence.c, t.assessments.c
        mine = (c.model == model) & (c.version == reference.version) & (c.kind == kind)
        query = sa.select(c.reference, c.began, c.pools).where(mine)
        here = (a.model == model) & (a.version == reference.version) & (a.kind == kind)
        past = sa.select(a.day, a.sums).where(here).order_by(a.day)

        def work(connection: Connection) -> tuple[Any, list[Any]]:
            return connection.execute(query).first(), list(connection.execute(past))

        state, days = self._database.read(work)
        if state is None or state.reference != reference.digest:
            return watch
        if days and days[-1].day >= day:
            return None
        watch.unpack_pools(state.pools)
        began = state.began or ""
        watch.days = [(d, DaySums.unpack(sums)) for d, sums in days if d >= began]
        return watch

    def _write(
        self,
        connection: Connection,
        model: str,
        day: str,
        steps: list[_Step],
        outcomes: list[int],
    ) -> list[Alert]:
        statement = (
            insert(t.closed_days, self._database.dialect)
            .values(model=model, day=day, closed_ms=now_ms(self._clock))
            .on_conflict_do_nothing()
            .returning(t.closed_days.c.day)
        )
        if connection.execute(statement).first() is None:
            return []
        mark_judged(connection, model, day, outcomes)
        self._retire(connection, model, day)
        raised = []
        for step in steps:
            self._write_step(connection, model, day, step)
            alert = self._alert(connection, model, day, step)
            if alert is not None:
                raised.append(alert)
        return raised

    def _retire(self, connection: Connection, model: str, day: str) -> None:
        """Resolve the alerts of versions that have not answered live for a while."""
        a, c = t.alerts.c, t.assessments.c
        active = sa.select(a.id, a.version).where(a.model == model, a.status != "resolved")
        for alert_id, version in list(connection.execute(active)):
            seen = sa.select(sa.func.max(c.day)).where(c.model == model, c.version == version)
            last = connection.scalar(seen.where(c.kind == "drift"))
            if last is not None and date.fromisoformat(day) - date.fromisoformat(last) >= _GONE:
                at = self._clock.now()
                _, alert = self._alerts.change_in(
                    connection, alert_id, "resolved", "no longer live", at
                )
                self.restart_in(connection, alert)

    def _write_step(self, connection: Connection, model: str, day: str, step: _Step) -> None:
        key = {"model": model, "version": step.version, "kind": step.kind}
        c, a = t.evidence.c, t.assessments.c
        mine = (c.model == model) & (c.version == step.version) & (c.kind == step.kind)
        before = connection.scalar(sa.select(c.reference).where(mine))
        if before is not None and before != step.reference.digest:
            here = (a.model == model) & (a.version == step.version) & (a.kind == step.kind)
            connection.execute(sa.delete(t.assessments).where(here))
        state = {
            "reference": step.reference.digest,
            "began": step.watch.days[0][0],
            "pools": step.watch.pack_pools(),
        }
        statement = insert(t.evidence, self._database.dialect).values(**key, **state)
        statement = statement.on_conflict_do_update(
            index_elements=[c.model, c.version, c.kind], set_=state
        )
        connection.execute(statement)
        row = {
            **key,
            "day": day,
            "rows": step.found.rows,
            "sums": step.watch.days[-1][1].pack(),
            "log_e": float(step.found.evidence * np.log(10)),
            "body": msgspec.json.encode(step.found),
        }
        connection.execute(sa.insert(t.assessments).values(row))

    def _alert(self, connection: Connection, model: str, day: str, step: _Step) -> Alert | None:
        if not step.found.alarm:
            return None
        at = self._clock.now()
        if isinstance(step.found, Drift):
            alert = drift_alert(model, step.reference, day, step.found, at, step.context)
        else:
            alert = loss_alert(model, step.reference, day, step.found, at, step.context)
        return self._alerts.raise_in(connection, alert)


def _predicted(reference: Reference, part: Slice) -> Values:
    """The scores, or the classes chosen by a model of several."""
    if reference.task != "multiclass":
        return part.scores
    if part.choices is None:
        named = part.named.answers if part.named else ()
        return list(named) if len(named) == len(part.scores) else [None] * len(part.scores)
    return chosen(part.choices, reference.classes)


def _found(kind: str, body: bytes) -> Drift | Loss:
    if kind == "drift":
        return msgspec.json.decode(body, type=Drift)
    return msgspec.json.decode(body, type=Loss)
