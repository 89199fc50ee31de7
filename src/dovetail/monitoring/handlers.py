"""The use cases of monitoring: they take and give typed values and know no transport."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import msgspec

from dovetail.base.clock import Clock, now_ms
from dovetail.base.sql import Database
from dovetail.monitoring import intake, metrics
from dovetail.monitoring.actions import Actions
from dovetail.monitoring.alerts import STATUSES, Alerts, Status
from dovetail.monitoring.assessor import Assessor
from dovetail.monitoring.days import day_of
from dovetail.monitoring.errors import (
    AlertStatusError,
    DayInvalidError,
    ModelUnknownError,
    ProfileEmptyError,
    ReferenceUnknownError,
    RequestUnknownError,
)
from dovetail.monitoring.feeds import Feeds
from dovetail.monitoring.figures import FigureBook, Held
from dovetail.monitoring.outliers.book import OutlierBook
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.plan import Planner
from dovetail.monitoring.profile_hours import Hours
from dovetail.monitoring.quality.plugged import load_business
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.references import References, renamed
from dovetail.monitoring.reopening import reopen
from dovetail.monitoring.routing import OWN, Router
from dovetail.monitoring.rules import parse_rules
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.monitoring.standing import Book
from dovetail.monitoring.store import Store, Stored
from dovetail.monitoring.views import refuse_embedding
from dovetail.wire import monitoring as wire
from dovetail.wire.cloudevents import Event
from dovetail.wire.monitoring import (
    Alert,
    Day,
    Drift,
    Feed,
    Figures,
    Model,
    Month,
    OutlierDay,
    Plan,
)

RECENT = 28
"""Days that the figures of a model's line are of."""
MODELS = 1000
"""Models that an answer lists at most."""


class Receipt(msgspec.Struct, frozen=True):
    """What became of a call's events: stored, stored before, or of no known type."""

    accepted: int
    duplicates: int
    ignored: int


class Monitoring:
    """Monitoring over one database.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        settings: What the operator chose.
        clock: The time of events that state none.
        router: What becomes of findings; made from the settings if not given.
    """

    def __init__(
        self,
        database: Database,
        settings: MonitoringSettings,
        clock: Clock,
        router: Router | None = None,
    ) -> None:
        self.settings = settings
        self.business = load_business(settings.business)
        self.clock = clock
        self.store = Store(database, shadow_features=settings.shadow_features)
        self.references = References(database)
        router = router or Router(settings)
        self.alerts = Alerts(database, router.decide)
        self.feeds = Feeds(database, self.alerts, clock, router.rules.expect_every)
        self.assessor = Assessor(
            database,
            self.store,
            self.references,
            self.alerts,
            alpha=settings.alpha_per_year,
            clock=clock,
        )
        self.outliers = OutlierBook(database, settings.outlier_rate)
        self.hours = Hours(database, self.references)
        self.actions = Actions(
            database, self.store, self.references, self.alerts, self.assessor, clock
        )
        own = [OWN] if settings.webhook else []
        self.rules, self.planner = (
            router.rules,
            Planner(database, self.store, self.references, own),
        )
        self.actions.on_change, self.actions.hours = self._alerts_changed, self.hours
        self.on_alert: Callable[[], None] = lambda: None
        self.before_close: Callable[[str, str], object] = lambda model, day: None
        self.standings = Book(database)
        self._book = FigureBook(self.store, self.references)

    def accept(self, events: Sequence[Event]) -> Receipt:
        """Take events in; when this returns they are durable.

        Raises:
            EventInvalidError: One of them is broken; then none was stored.
        """
        items = self.read(events)
        return self.receipt(len(events), self.store.add(items, now_ms(self.clock)))

    def read(self, events: Sequence[Event]) -> list[intake.Item]:
        """Read the events of a call, ready to be stored.

        Raises:
            EventInvalidError: One of them is broken.
        """
        now = now_ms(self.clock)
        items = intake.read(events, now)
        self.feeds.saw(items, now)
        return items

    def receipt(self, events: int, stored: Stored) -> Receipt:
        """Count and tell what became of a call's events."""
        ignored = events - stored.accepted - stored.duplicates
        metrics.count_events(stored.accepted, stored.duplicates, ignored)
        return Receipt(stored.accepted, stored.duplicates, ignored)

    def models(self, search: str = "", after: str = "", limit: int = MODELS) -> list[Model]:
        """The models that events or references have named, by name; see `Book.models`."""
        return self.standings.models(search=search, after=after, limit=limit)

    def put_reference(self, model: str, body: wire.Reference) -> Reference:
        """Set what a version was validated on. The same sample again changes nothing.

        Raises:
            ReferenceInvalidError: The sample cannot be summarised.
        """
        reference = Reference.fit(
            body.features,
            scores=body.scores or None,
            labels=body.labels or None,
            version=body.version,
            season=body.season,
            days=body.days,
            task=body.task,
            classes=body.classes,
            model=model,
        )
        self._keep(model, reference)
        if reference.views:
            self.outliers.lack(model, reference, "the reference holds vectors, texts or images")
        else:
            self.outliers.put(model, reference, body.features)
        return reference

    def put_profile(self, model: str, data: bytes, version: str = "") -> Reference:
        """Set a version's reference from the file of a profile.

        Args:
            model: The model.
            data: The file.
            version: The version, where the profile names none.

        Raises:
            ReferenceInvalidError: It is no profile, a newer one, or of another model or version.
        """
        reference = renamed(Reference.from_profile(data), model, version)
        self.keep_profile(model, reference)
        return reference

    def keep_profile(self, model: str, reference: Reference) -> None:
        """Set a version's reference that came without rows."""
        refuse_embedding(reference.views)
        self._keep(model, reference)
        self.outliers.lack(model, reference, "the reference came as a profile, which has no rows")

    def adopt_profile(self, model: str, reference: Reference) -> None:
        """Keep a version's first reference; days that were closed without it are opened again."""
        self.keep_profile(model, reference)
        reopen(self.store.database, model, reference.version)

    def profile(self, model: str, version: str) -> bytes:
        """The file of a version's reference profile; of the only one where none is named.

        Raises:
            ModelUnknownError: Nothing has named the model.
            ReferenceUnknownError: The version has none.
        """
        kept = self.references.of(model)
        if not kept and not self._is_known(model):
            raise ModelUnknownError(model)
        chosen = next(iter(kept)) if not version and len(kept) == 1 else version
        if chosen not in kept:
            raise ReferenceUnknownError(model, version, list(kept))
        return kept[chosen].profile()

    def profile_between(self, model: str, version: str, start: str, end: str) -> bytes:
        """The profile of a version's live rows of some days, as a file.

        Args:
            model: The model.
            version: The version; the only one that has a reference where none is named.
            start: First day, like 2013-04-01; "" for the first there is.
            end: Last day; "" for the last there is.

        Raises:
            ModelUnknownError: Nothing has named the model.
            ReferenceUnknownError: The version has no reference, in whose bins rows are counted.
            ProfileEmptyError: There are no rows in these days.
            DayInvalidError: The days are none.
        """
        chosen = Reference.from_profile(self.profile(model, version)).version
        first, last = day_of(start or "0001-01-01"), day_of(end or "9999-12-31")
        found = self.hours.profile(model, chosen, first, last)
        if found is None:
            raise ProfileEmptyError(model, chosen)
        return found.profile()

    def _keep(self, model: str, reference: Reference) -> None:
        if self.references.put(model, reference, now_ms(self.clock)):
            for alert in self.alerts.find(status="active", model=model):
                if alert.version == reference.version:
                    self.change_alert(alert.id, "resolved", "a new reference")

    def close(self, model: str, day: str) -> list[Alert]:
        """Close all days of a model up to a day; returns the alerts that this raised.

        A day that was closed before is left as it is.

        Raises:
            ModelUnknownError: Nothing has named the model.
            DayInvalidError: It is no day.
        """
        day = day_of(day)
        if not self._is_known(model):
            raise ModelUnknownError(model)
        self.before_close(model, day)
        raised = self.assessor.close(model, day)
        self.show_evidence(model, day)
        self.outliers.show(model, day)
        self._note(model, day)
        if raised:
            self._alerts_changed()
        return raised

    def check_feeds(self) -> None:
        """Raise and resolve alerts of feeds that have fallen silent or speak again."""
        if self.feeds.check():
            self._alerts_changed()

    def plan_rules(self, text: str, days: int) -> Plan:
        """What rules would have done with the findings of the last days.

        Raises:
            RulesInvalidError: They cannot be used.
        """
        end = self.clock.now().date()
        rules = parse_rules(text, Path("rules"))
        return self.planner.plan(rules, self.rules, end - timedelta(days=days), end)

    def feed(self, model: str) -> Feed:
        """Whether something arrives of a model.

        Raises:
            ModelUnknownError: Nothing has named the model.
        """
        if not self._is_known(model):
            raise ModelUnknownError(model)
        return self.feeds.state(model)

    def _note(self, model: str, closed: str) -> None:
        """Write down when a model is asked and how it stands, so that no page measures it."""
        day = max(closed, self.standings.last_day(model))  # an earlier one may be closed late
        start = date.fromordinal(max(1, date.fromisoformat(day).toordinal() - RECENT + 1))
        figures = self.performance(model, start.isoformat(), day, Choice())
        found = [one.found for one in self.assessor.between(model, day, day)]
        parts = [one.evidence / one.threshold for one in found if one.threshold > 0]
        work = (
            self.feeds.learning(model, closed),
            self.standings.noting(model, day, figures, max(parts, default=None)),
        )
        self.store.database.write(lambda connection: [one(connection) for one in work])

    def find_alerts(self, status: str, model: str, limit: int = 500) -> list[Alert]:
        """The alerts, newest first; of one status, "active" or all, and of one model or all.

        Raises:
            AlertStatusError: There is no such status.
        """
        if status not in ("", "active", *STATUSES):
            raise AlertStatusError(status)
        return self.alerts.find(status=status, model=model, limit=limit)

    def change_alert(self, alert_id: str, status: Status, by: str) -> Alert:
        """Acknowledge or resolve an alert. After a resolution evidence is gathered anew.

        Raises:
            AlertUnknownError: There is none with this id.
        """
        return self.actions.change(alert_id, status, by)

    def request(self, model: str, request_id: str) -> list[wire.Asked]:
        """What is kept of a request.

        Raises:
            RequestUnknownError: Nothing is.
        """
        found = self.store.request(model, request_id)
        if not found:
            raise RequestUnknownError(model, request_id)
        return found

    def show_state(self) -> None:
        """Set all gauges to what is stored, after a start."""
        metrics.show_alerts(self.alerts.active())
        for model, one in self.assessor.latest():
            metrics.EVIDENCE.labels(model, one.version, one.kind).set(one.found.evidence)

    def show_evidence(self, model: str, day: str) -> None:
        """Set the gauges to what a day's assessments found."""
        for one in self.assessor.between(model, day, day):
            metrics.EVIDENCE.labels(model, one.version, one.kind).set(one.found.evidence)

    def _alerts_changed(self) -> None:
        metrics.show_alerts(self.alerts.active())
        self.on_alert()

    def performance(self, model: str, start: str, end: str, choice: Choice) -> Figures:
        """The figures of one window of UTC days, both ends included.

        Args:
            model: The model.
            start: First day, like 2013-04-01; "" for the first there is.
            end: Last day; "" for the last there is.
            choice: Which predictions count.

        Raises:
            ModelUnknownError: Nothing has named the model.
            DayInvalidError: The days are none, or in the wrong order.
        """
        return self._book.window(model, self._between(model, start, end), choice)

    def days(self, model: str, start: str, end: str, choice: Choice) -> list[Day]:
        """The figures of each day that holds predictions; see `performance`."""
        found = self._between(model, start, end)
        first, last = min(found, default=""), max(found, default="")
        drift = self._drift(model, first, last, choice)
        alarms = self._alarms(model, first, last, choice)
        figures = self._book.grouped(model, found, choice, lambda day: day)
        return [
            Day(
                day=date.fromisoformat(day),
                drift=drift.get(day, {}),
                alarms=tuple(alarms.get(day, ())),
                **msgspec.structs.asdict(window),
            )
            for day, window in figures.items()
        ]

    def _drift(
        self, model: str, start: str, end: str, choice: Choice
    ) -> dict[str, dict[str, Drift]]:
        """What the closed days said of the inputs, by day and version."""
        found: dict[str, dict[str, Drift]] = {}
        if choice.role == "live":
            for one in self.assessor.between(model, start, end):
                if isinstance(one.found, Drift) and choice.version in (None, one.version):
                    found.setdefault(one.day, {})[one.version] = one.found
        return found

    def _alarms(self, model: str, start: str, end: str, choice: Choice) -> dict[str, list[Alert]]:
        """The alerts by the day on which the evidence sufficed."""
        found: dict[str, list[Alert]] = {}
        if choice.role == "live":
            for alert in self.alerts.find(model=model):
                day = alert.day.isoformat() if alert.day else ""
                if start <= day <= end and choice.version in (None, alert.version):
                    found.setdefault(day, []).append(alert)
        return found

    def months(self, model: str, choice: Choice) -> list[Month]:
        """The figures of each calendar month that holds predictions."""
        found = self._between(model, "", "")
        figures = self._book.grouped(model, found, choice, lambda day: day[:7])
        return [
            Month(month=month, **msgspec.structs.asdict(window))
            for month, window in figures.items()
        ]

    def weeks(self, model: str, choice: Choice) -> dict[str, Figures]:
        """The figures of each week that holds predictions, by its Monday."""
        found = self._between(model, "", "")
        return self._book.grouped(model, found, choice, _monday)

    def outliers_of(self, model: str, day: str, version: str) -> list[OutlierDay]:
        """The rows of one day that are unlike the reference, each by itself.

        Args:
            model: The model.
            day: Like 2013-04-01; "" for the last there is.
            version: One version; "" for every one that has a reference.

        Raises:
            ModelUnknownError: Nothing has named the model.
            DayInvalidError: It is no day.
        """
        last = {row["model"]: row["last"] for row in self.store.models()}.get(model, "")
        if not self._is_known(model):
            raise ModelUnknownError(model)
        chosen = day_of(day) if day else last
        versions = [version] if version else self.outliers.versions(model)
        return [self.outliers.find(model, one, chosen) for one in versions]

    def days_between(self, model: str, start: str, end: str) -> list[str]:
        """The days of a window that hold anything; see `performance` for what it raises."""
        return list(self._between(model, start, end))

    def _between(self, model: str, start: str, end: str) -> Held:
        first, last = day_of(start or "0001-01-01"), day_of(end or "9999-12-31")
        if first > last:
            raise DayInvalidError(f"the window ends on {last}, before it starts on {first}")
        found = self._book.held(model, first, last)
        if not found and not self._is_known(model):
            raise ModelUnknownError(model)
        return found

    def _is_known(self, model: str) -> bool:
        return self.store.has(model) or bool(self.references.of(model))


def _monday(day: str) -> str:
    at = date.fromisoformat(day)
    return (at - timedelta(days=at.weekday())).isoformat()
