"""What people do with alerts: acknowledge, silence, resolve, or say that a change stays."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy.engine import Connection

from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import DovetailError
from dovetail.base.sql import Database
from dovetail.monitoring.alerts import Alerts, Status
from dovetail.monitoring.assessor import Assessor
from dovetail.monitoring.classes import Label
from dovetail.monitoring.days import day_of
from dovetail.monitoring.drift import join
from dovetail.monitoring.errors import (
    ExpectationError,
    ReferenceInvalidError,
    SilenceInvalidError,
)
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.quality.history import History
from dovetail.monitoring.reference import Column, Reference
from dovetail.monitoring.references import References
from dovetail.monitoring.store import Store
from dovetail.wire.monitoring import Alert

if TYPE_CHECKING:
    from collections.abc import Callable

    from dovetail.monitoring.profile_hours import Hours

__all__ = ["EXPECTABLE", "Actions"]

EXPECTABLE = ("drift", "performance")
"""Kinds of alerts whose change can become the new reference."""

FEWEST_ROWS = 100
_EVER = "9999-12-31"
MOST_ROWS = 100_000


def _nothing() -> None:
    """Nobody wants to know."""


class Actions:
    """The use cases of alerts.

    Args:
        database: Where everything is.
        store: Rows, for a new reference.
        references: Where a new reference goes.
        alerts: The alerts.
        assessor: Whose evidence starts over.
        clock: When things are done.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        references: References,
        alerts: Alerts,
        assessor: Assessor,
        clock: Clock,
    ) -> None:
        self._database, self._store, self._references = database, store, references
        self._alerts, self._assessor, self._clock = alerts, assessor, clock
        self.on_change: Callable[[], None] = _nothing
        self.hours: Hours | None = None

    def change(self, alert_id: str, status: Status, by: str, reason: str = "") -> Alert:
        """Acknowledge or resolve an alert. After a resolution evidence is gathered anew.

        Raises:
            AlertUnknownError: There is none with this id.
        """

        def work(connection: Connection) -> Alert:
            now = self._clock.now()
            before, alert = self._alerts.change_in(connection, alert_id, status, by, now, reason)
            if before.status != "resolved" and alert.status == "resolved":
                self._assessor.restart_in(connection, alert)
            return alert

        alert = self._database.write(work)
        self.on_change()
        return alert

    def silence(self, alert_id: str, until: str, by: str, reason: str) -> Alert:
        """Tell nobody of an alert until a moment, which is then told again if it still lasts.

        Raises:
            AlertUnknownError: There is none with this id.
            SilenceInvalidError: There is no reason, or no end to come.
        """
        now = self._clock.now()
        end = _moment(until)
        if not reason.strip():
            raise SilenceInvalidError("a silence needs a reason", fix='send {"reason": "..."}')
        if end <= now:
            raise SilenceInvalidError(
                f"the silence ends at {end.isoformat()}, which has passed", fix="give a later end"
            )

        def work(connection: Connection) -> Alert:
            return self._alerts.silence_in(connection, alert_id, end, by, now, reason)

        alert = self._database.write(work)
        self.on_change()
        return alert

    def expect(self, alert_id: str, by: str, reason: str, since: str = "") -> Alert:
        """Say that a change is here to stay: the rows since a day become the reference.

        Args:
            alert_id: Which alert; it is resolved, and with it all active ones of its version.
            by: Who says so.
            reason: Why.
            since: The first day of the new reference; the alert's own day of change if "".

        Raises:
            AlertUnknownError: There is none with this id.
            DayInvalidError: `since` is no day.
            ReferenceInvalidError: There are too few rows since then.
            ExpectationError: It is an alert that no new reference answers.
        """
        alert = self._alerts.get(alert_id)
        reference = self._reference(alert.model, alert.version or "", _since(alert, since))
        self._references.put(alert.model, reference, now_ms(self._clock))
        said = f"expected: {reason}" if reason else "expected"
        for other in self._alerts.find(status="active", model=alert.model):
            if other.version == alert.version and other.id != alert_id:
                self.change(other.id, "resolved", by, said)
        return self.change(alert_id, "resolved", by, said)

    def foresee(self, alert: Alert, since: str = "") -> tuple[int | None, str]:
        """What `expect` would do: how many rows the reference would have, or why it cannot."""
        try:
            day = _since(alert, since)
            return self._reference(alert.model, alert.version or "", day).rows, ""
        except DovetailError as error:
            return None, str(error)

    def _reference(self, model: str, version: str, since: str) -> Reference:
        """The profile of a version's rows from a day on, the latest where there are many."""
        if self.hours is not None and self.hours.has(model, version, since, _EVER):
            kept = self.hours.profile(model, version, since, _EVER)
            if kept is not None and kept.rows >= FEWEST_ROWS:
                return kept
        old = self._references.of(model).get(version)
        days = sorted(self._store.revisions(model, since, _EVER), reverse=True)
        parts: list[tuple[str, dict[str, Column], list[Any], list[Label | None]]] = []
        rows = 0
        for day in days:
            part = self._day(model, version, day, several=bool(old and old.task == "multiclass"))
            parts += [(day, *part)] if part else []
            rows += len(part[1]) if part else 0
            if rows >= MOST_ROWS:
                break
        if rows < FEWEST_ROWS:
            raise ReferenceInvalidError(
                f"{rows} rows of {model} version {version} since {since} are too few",
                why=f"a reference needs {FEWEST_ROWS} rows",
                fix="wait for more days, or give an earlier day",
            )
        scores = [s for _, _, part, _ in parts for s in part]
        labels = [y for _, _, _, part in parts for y in part]
        finite = [s is not None and np.isfinite(s).all() for s in scores]
        known = all(finite) and any(y is not None for y in labels)
        columns = join([columns for _, columns, _, _ in parts])
        return Reference.fit(
            old.gathered(columns) if old else columns,
            scores=scores if any(finite) else None,
            labels=labels if known else None,
            version=version,
            model=model,
            season=old.season if old else "",
            days=[day for day, _, part, _ in parts for _ in part],
            task=old.task if old else "binary",
            classes=old.classes if old else (),
        )

    def _day(
        self, model: str, version: str, day: str, *, several: bool
    ) -> tuple[dict[str, Column], list[Any], list[Label | None]] | None:
        """Features, scores and labels of a day; None where they do not belong together."""
        requests = self._store.features(model, version, day)
        found = History(self._store.database).read(model, [day], Choice("live", version), None)
        if not requests or not found.versions:
            return None
        columns: dict[str, Column] = dict(join(requests))
        if {len(values) for values in columns.values()} != {len(found.scores)}:
            return None
        if not several:
            return columns, found.scores.tolist(), found.labels
        shares = [None] * len(found.scores) if found.shares is None else list(found.shares)
        return columns, shares, found.labels


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SilenceInvalidError(
            f"'{text}' is no time", fix="write the end like 2026-05-01T08:00:00Z"
        ) from error
    if moment.tzinfo is None:
        raise SilenceInvalidError(
            f"'{text}' has no time zone", fix="write the end like 2026-05-01T08:00:00Z"
        )
    return moment


def _since(alert: Alert, since: str) -> str:
    """The first day of the reference that a change would become."""
    if alert.kind not in EXPECTABLE:
        raise ExpectationError(alert.kind)
    return day_of(since or str(alert.facts.get("since") or alert.day or ""))
