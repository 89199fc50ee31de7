"""The client of monitoring's HTTP surface: one method for each thing that the surface does."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from dovetail.wire import cloudevents
from dovetail.wire.http import JSON, HttpClient, segment
from dovetail.wire.monitoring.feed import Feed
from dovetail.wire.monitoring.outliers import OutlierDay
from dovetail.wire.monitoring.plan import Plan
from dovetail.wire.monitoring.quality import DayQuality, Quality, Task
from dovetail.wire.monitoring.standing import Standings
from dovetail.wire.monitoring.values import (
    EVENTS,
    Alert,
    AlertChange,
    Asked,
    Day,
    Figures,
    KeptReference,
    Model,
    Month,
    Reference,
    Role,
)

_PAGE = 1000


class Client(HttpClient):
    """A client of the monitoring piece.

    Examples:
        >>> with Client("http://localhost:8080") as watch:  # doctest: +SKIP
        ...     print(watch.performance("flights", date(2013, 4, 1), date(2013, 4, 30)).auc)
        0.704
    """

    def send_events(self, events: Sequence[cloudevents.Event]) -> None:
        """Send payload or outcome events in one batch; they are kept when this returns."""
        if events:
            headers, body = cloudevents.encode_batch(events)
            self.send("POST", EVENTS, content=body, headers=headers, repeatable=True)

    def models(self) -> list[Model]:
        """The models that are watched, by name."""
        found: list[Model] = []
        while True:
            query = _query(limit=_PAGE, after=found[-1].model if found else None)
            part = self.get("/monitoring/models", list[Model], query)
            found += part
            if len(part) < _PAGE:
                return found

    def standings(
        self,
        search: str | None = None,
        *,
        sort: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Standings:
        """How models stand, those that need somebody first.

        Args:
            search: A part of the name, in any case.
            sort: "need", "model", "evidence", "predictions", "auc" or "last", with a minus for
                the other way round.
            limit: At most so many, 1,000 or fewer.
            offset: So many are left out first.
        """
        query = _query(search=search, sort=sort, limit=limit, offset=offset)
        return self.get("/monitoring/standings", Standings, query)

    def put_reference(self, model: str, reference: Reference) -> KeptReference:
        """Say what a version was validated on; gives what is kept of it."""
        path = f"{_model(model)}/reference"
        return self.post(path, reference, KeptReference, method="PUT")

    def put_profile(self, model: str, profile: bytes, *, version: str = "") -> KeptReference:
        """Give a version's reference as the file of a profile, which holds no rows.

        Args:
            model: The model.
            profile: The file.
            version: The version, where the profile names none.
        """
        path, query = f"{_model(model)}/reference", _query(version=version or None)
        answer = self.send("PUT", path, query=query, content=profile, headers=JSON)
        return self.decode(answer, KeptReference)

    def profile(self, model: str, version: str = "") -> bytes:
        """The file of a version's reference profile; of the only one where none is named."""
        query = _query(version=version or None)
        return self.send("GET", f"{_model(model)}/reference", query=query).content

    def profile_between(
        self,
        model: str,
        version: str = "",
        start: date | None = None,
        end: date | None = None,
    ) -> bytes:
        """The profile of a version's live rows of some days, as a file.

        Args:
            model: The model.
            version: The version; the only one that has a reference where none is named.
            start: The first day; the first there is where none is named.
            end: The last day; likewise.
        """
        query = _query(version=version or None, start=start, end=end)
        return self.send("GET", f"{_model(model)}/profile", query=query).content

    def request(self, model: str, request_id: str) -> list[Asked]:
        """What is kept of a request: features, scores, outcomes; live, and shadow if there was."""
        return self.get(f"{_model(model)}/requests/{segment(request_id)}", list[Asked])

    def days(
        self,
        model: str,
        start: date | None = None,
        end: date | None = None,
        *,
        role: Role = "live",
        version: str | None = None,
    ) -> list[Day]:
        """The figures day by day, both ends included."""
        query = _query(start=start, end=end, role=role, version=version)
        return self.get(f"{_model(model)}/days", list[Day], query)

    def performance(
        self,
        model: str,
        start: date | None = None,
        end: date | None = None,
        *,
        role: Role = "live",
        version: str | None = None,
    ) -> Figures:
        """The figures of a span of days as one."""
        query = _query(start=start, end=end, role=role, version=version)
        return self.get(f"{_model(model)}/performance", Figures, query)

    def months(self, model: str, *, role: Role = "live") -> list[Month]:
        """The figures month by month."""
        return self.get(f"{_model(model)}/months", list[Month], _query(role=role))

    def quality(
        self,
        model: str,
        start: date | None = None,
        end: date | None = None,
        *,
        role: Role = "live",
        version: str | None = None,
        task: Task | None = None,
        threshold: float | None = None,
        by: str | None = None,
    ) -> Quality:
        """All figures of a span of days with their intervals, and by segment.

        Args:
            model: The model.
            start: First day; the first there is by default.
            end: Last day, included.
            role: Whose predictions.
            version: Of one version only.
            task: In place of what the reference and the labels say.
            threshold: At and above it a binary answer counts as positive; 0.5 by default.
            by: A feature to split by.
        """
        query = _query(
            start=start, end=end, role=role, version=version, task=task, threshold=threshold, by=by
        )
        return self.get(f"{_model(model)}/quality", Quality, query)

    def quality_by_day(
        self,
        model: str,
        start: date | None = None,
        end: date | None = None,
        *,
        role: Role = "live",
        version: str | None = None,
        task: Task | None = None,
        threshold: float | None = None,
        by: str | None = None,
    ) -> list[DayQuality]:
        """The same day by day, at most 100 days."""
        query = _query(
            start=start, end=end, role=role, version=version, task=task, threshold=threshold, by=by
        )
        return self.get(f"{_model(model)}/quality-by-day", list[DayQuality], query)

    def outliers(
        self, model: str, day: date | None = None, *, version: str | None = None
    ) -> list[OutlierDay]:
        """The rows of a day (the last one, unless said) that are unlike the reference."""
        query = _query(day=day, version=version)
        return self.get(f"{_model(model)}/outliers", list[OutlierDay], query)

    def feed(self, model: str) -> Feed:
        """When something last arrived of a model, and when its silence will mean something."""
        return self.get(f"{_model(model)}/feed", Feed)

    def close_day(self, model: str, day: date) -> list[Alert]:
        """Say that a day is over, so that drift and loss are assessed; gives new alerts.

        A day that was closed before is left as it is.
        """
        return self.post(
            f"{_model(model)}/close", {"day": day.isoformat()}, list[Alert], repeatable=True
        )

    def alerts(self, *, status: str | None = None, model: str | None = None) -> list[Alert]:
        """The alerts, or only those of a status or a model."""
        query = _query(status=status, model=model)
        return self.get("/monitoring/alerts", list[Alert], query)

    def plan_rules(self, rules: str, *, days: int = 30) -> Plan:
        """What rules would have done with the findings of the last days; changes nothing.

        Args:
            rules: The text of a file of rules, which is TOML.
            days: How many days back.
        """
        answer = self.send(
            "POST",
            "/monitoring/rules/plan",
            query=_query(days=days),
            content=rules.encode(),
            headers={"Content-Type": "application/toml"},
            repeatable=True,
        )
        return self.decode(answer, Plan)

    def history(self, alert: str) -> list[AlertChange]:
        """What was done with an alert, oldest first."""
        return self.get(f"/monitoring/alerts/{segment(alert)}/history", list[AlertChange])

    def acknowledge(self, alert: str, *, reason: str = "") -> Alert:
        """Say that somebody has seen an alert."""
        return self._change(alert, "acknowledge", reason=reason)

    def resolve(self, alert: str, *, reason: str = "") -> Alert:
        """Say that an alert is dealt with."""
        return self._change(alert, "resolve", reason=reason)

    def silence(self, alert: str, *, reason: str, until: datetime) -> Alert:
        """Tell nobody of an alert until a moment."""
        return self._change(alert, "silence", reason=reason, until=until.isoformat())

    def expect(self, alert: str, *, reason: str, since: date | None = None) -> Alert:
        """Say that a change is here to stay: the days since then are the reference from now on."""
        day = since.isoformat() if since else ""
        return self._change(alert, "expect", reason=reason, since=day)

    def _change(self, alert: str, verb: str, **said: str) -> Alert:
        body = {name: value for name, value in said.items() if value}
        return self.post(f"/monitoring/alerts/{segment(alert)}/{verb}", body, Alert)


def _model(model: str) -> str:
    return f"/monitoring/models/{segment(model)}"


def _query(**values: object) -> list[tuple[str, str]]:
    texts: Mapping[str, str] = {
        name: value.isoformat() if isinstance(value, date) else str(value)
        for name, value in values.items()
        if value is not None
    }
    return list(texts.items())
