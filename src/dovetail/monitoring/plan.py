"""What rules would have done with the findings of the last days, before they are put in force.

A finding is the first of the days on which a version's evidence was over its alarm; it counts
whether the rules in force made an alert of it or not. Feeds, and days from before a reference was
replaced, count by the alerts they raised.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec
import sqlalchemy as sa

from dovetail.base.sql import Database
from dovetail.monitoring import tables as t
from dovetail.monitoring.closer import Closer
from dovetail.monitoring.drift import align, join
from dovetail.monitoring.loss import Loss
from dovetail.monitoring.messages import Context, drift_alert, loss_alert
from dovetail.monitoring.references import References
from dovetail.monitoring.rules import Rule, Rules
from dovetail.monitoring.store import Store
from dovetail.wire.monitoring import Alert, Drift, Outcome, Plan, Planned

__all__ = ["Planner"]

_Key = tuple[str, str, str]


class Planner:
    """Tries rules on what has been found.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        store: The rows.
        references: What they were compared with.
        own: Who is told of everything, by the settings.
    """

    def __init__(
        self, database: Database, store: Store, references: References, own: Sequence[str]
    ) -> None:
        self._database, self._store, self._references = database, store, references
        self._closer, self._own = Closer(store), tuple(own)

    def plan(self, rules: Rules, in_force: Rules, start: date, end: date) -> Plan:
        """Say what becomes of each finding.

        Args:
            rules: To be tried.
            in_force: To compare with.
            start: The first day.
            end: The last day.
        """
        found = [
            self._planned(alert, rules, in_force)
            for alert in self._findings(start.isoformat(), end.isoformat())
        ]
        told = Counter(name for one in found for name in one.receivers)
        used = {one.rule for one in found}
        return Plan(
            start=start,
            end=end,
            findings=found,
            receivers=dict(told.most_common()),
            unused=[place for place in range(1, len(rules.rules) + 1) if place not in used],
        )

    def _planned(self, alert: Alert, rules: Rules, in_force: Rules) -> Planned:
        now, before = rules.decide(alert), in_force.decide(alert)
        place = next((n for n, rule in enumerate(rules.rules, 1) if rule is now), None)
        return Planned(
            day=alert.day or date.min,
            model=alert.model,
            version=alert.version or "",
            kind=alert.kind,
            cause=alert.cause,
            columns=tuple(str(c.get("column", "")) for c in alert.facts.get("columns", ()))[:5],
            rule=place,
            outcome=self._outcome(now),
            severity=now.severity or alert.severity,
            receivers=self._told(now),
            before=self._outcome(before),
            receivers_before=self._told(before),
        )

    def _outcome(self, rule: Rule) -> Outcome:
        if not rule.alert:
            return "dropped"
        return "told" if self._told(rule) else "kept"

    def _told(self, rule: Rule) -> tuple[str, ...]:
        return (*self._own, *rule.receivers) if rule.alert else ()

    def _findings(self, start: str, end: str) -> list[Alert]:
        """The findings of some days as the alerts that they would be, the earliest first."""
        raised = self._raised(start, end)
        found = list(raised.values())
        for key, day, body in self._beginnings(start, end):
            model, version, kind = key
            if (model, version, f"{kind} {day}") not in raised:
                made = self._anew(model, version, kind, day, body)
                found += [made] if made else []
        return sorted(found, key=lambda one: (str(one.day), one.model, one.kind))

    def _raised(self, start: str, end: str) -> dict[_Key, Alert]:
        """The alerts of these days by model, version, and kind with day."""
        query = sa.select(t.alerts.c.body).order_by(t.alerts.c.id)
        found: dict[_Key, Alert] = {}
        for body in self._database.read(lambda x: list(x.execute(query).scalars())):
            alert = msgspec.json.decode(body, type=Alert)
            if alert.day and start <= alert.day.isoformat() <= end:
                # As it was found: the rules in force may have changed its severity since.
                severity = {"drift": "warn"}.get(alert.kind, "alarm")
                alert = msgspec.structs.replace(alert, severity=severity)
                found[(alert.model, alert.version or "", f"{alert.kind} {alert.day}")] = alert
        return found

    def _beginnings(self, start: str, end: str) -> list[tuple[_Key, str, bytes]]:
        """The assessments with which a finding begins."""
        c = t.assessments.c
        before = (date.fromisoformat(start) - timedelta(days=1)).isoformat()
        query = (
            sa.select(c.model, c.version, c.kind, c.day, c.body)
            .where(c.day.between(before, end))
            .order_by(c.model, c.version, c.kind, c.day)
        )
        rows = self._database.read(lambda x: x.execute(query).all())
        found: list[tuple[_Key, str, bytes]] = []
        last: _Key | None = None
        for model, version, kind, day, body in rows:
            key = (model, version, kind)
            alarm = msgspec.json.decode(body, type=_Alarm).alarm
            if alarm and last != key and day >= start:
                found.append((key, day, body))
            last = key if alarm else None
        return found

    def _anew(self, model: str, version: str, kind: str, day: str, body: bytes) -> Alert | None:
        """The alert that a finding would be; None where its reference is gone."""
        reference = self._references.of(model).get(version)
        if reference is None:
            return None
        at = datetime.fromisoformat(f"{day}T00:00:00+00:00")
        if kind == "performance":
            loss = msgspec.json.decode(body, type=Loss)
            return loss_alert(model, reference, day, loss, at, Context())
        drift = msgspec.json.decode(body, type=Drift)
        requests = self._store.features(model, version, day)
        context = Context()
        if requests:
            columns = align([one.name for one in reference.streams], join(requests))
            context = self._closer.drift(model, day, reference, drift, columns, [])
        return drift_alert(model, reference, day, drift, at, context)


class _Alarm(msgspec.Struct):
    alarm: bool
