"""The composition's own routes: the circle and the year, gathered over the joints."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.app.circle import AttentionFacts, CircleFacts, JointFacts, circle_view
from dovetail.app.configuration import Configuration
from dovetail.app.probe import PROTOCOLS, Probe, probe_all
from dovetail.app.year import EventFacts, MonthFacts, YearFacts, year_view
from dovetail.base.errors import DovetailError
from dovetail.loop.handlers import State
from dovetail.loop.store import Event
from dovetail.web.alone import Surroundings
from dovetail.web.app import Mounted
from dovetail.web.pages import page_route
from dovetail.wire import monitoring
from dovetail.wire.http import HttpClient, WireError

__all__ = ["home_routes"]

T = TypeVar("T")
FRESH_SECONDS = 5.0
TITLES = {name: name.capitalize() for name in PROTOCOLS}
JOBS = {
    "data": "training tables that cannot be lost",
    "labels": "people and machines label together",
    "features": "features defined once, used in training and serving",
    "tracking": "experiments, runs, models, versions",
    "governance": "who approved what on which evidence",
    "serving": "models behind an API",
    "monitoring": "is the model still right",
    "loop": "watch, retrain, compare, promote, roll back",
}


def home_routes(
    configuration: Configuration, around: Surroundings, mounted: Sequence[Mounted]
) -> list[BaseRoute]:
    """Return the routes of the composition's pages.

    Args:
        configuration: what fills each joint.
        around: how to reach the joints.
        mounted: the pieces on this address.
    """
    circle = _Recent(lambda: _circle_facts(configuration, around, mounted))
    year = _Recent(lambda: _year_facts(configuration, around))

    def show_circle(_: Request) -> Any:
        """The circle: what fills each joint, and what needs attention."""
        return circle_view(circle.get())

    def show_year(_: Request) -> Any:
        """A year of a model with the loop, beside the same year without it."""
        return year_view(year.get())

    return [
        *page_route("/", show_circle, template="app/circle.html", title="The circle", refresh=10),
        *page_route("/year", show_year, template="app/year.html", title="The year", refresh=10),
    ]


class _Recent(Generic[T]):
    """Facts that are gathered at most once in a few seconds, however many people look."""

    def __init__(self, gather: Callable[[], T]) -> None:
        self._gather, self._lock = gather, threading.Lock()
        self._facts: T | None = None
        self._at = 0.0

    def get(self) -> T:
        with self._lock:
            if self._facts is None or time.monotonic() - self._at > FRESH_SECONDS:
                self._facts = self._gather()
                self._at = time.monotonic()
            return self._facts


# The circle


def _circle_facts(
    configuration: Configuration, around: Surroundings, mounted: Sequence[Mounted]
) -> CircleFacts:
    waiting = {
        one.piece.name: reason
        for one in mounted
        if one.service.ready is not None and (reason := one.service.ready()) is not None
    }
    pages = {one.piece.name: one.service.pages[0].path for one in mounted if one.service.pages}
    found = probe_all(configuration, around.connect)
    return CircleFacts(
        joints=[_joint(p, waiting.get(p.joint), pages.get(p.joint, "")) for p in found],
        attention=_attention(mounted),
        as_of=around.clock.now(),
        subject=_subject(configuration),
    )


def _joint(found: Probe, waiting: str | None, page: str) -> JointFacts:
    states = {True: "alive", False: "down", None: "off"}
    return JointFacts(
        name=found.joint,
        title=TITLES[found.joint],
        job=JOBS[found.joint],
        protocol=found.protocol,
        filled_by=found.filled_by,
        state="waiting" if waiting and found.alive else states[found.alive],  # type: ignore[arg-type]
        product=found.version or ("Dovetail" if found.filled_by == "embedded" else ""),
        reason=waiting or ("" if found.alive else found.detail),
        seconds=found.seconds,
        page=page,
        hint=found.fix,
    )


def _attention(mounted: Sequence[Mounted]) -> list[AttentionFacts]:
    return [
        AttentionFacts(level=item.level, text=item.text, href=item.href, source=one.piece.title)
        for one in mounted
        if one.service.attention is not None
        for item in one.service.attention()
    ]


def _subject(configuration: Configuration) -> str:
    return str(configuration.file.tables.get("loop", {}).get("model", ""))


# The year


def _year_facts(configuration: Configuration, around: Surroundings) -> YearFacts:
    model = _subject(configuration)
    history, last = _history(configuration, around)
    months, alerts = _watched(configuration, around, model)
    champion = next((e.version for e in reversed(history) if e.kind == "promoted"), None)
    return YearFacts(
        model=model,
        champion=champion or "",
        months=months,
        events=[*alerts, *(event for e in history for event in _event(e))],
        as_of=around.clock.now(),
        until=_noon(last) if last else None,
    )


def _history(configuration: Configuration, around: Surroundings) -> tuple[list[Event], str | None]:
    """What the loop did, and the last day that it has done."""
    if configuration.joints["loop"] == "off":
        return [], None
    with around.connect("loop").open(HttpClient) as client:
        state = client.get("/loop/state", State)
        return client.get("/loop/history", list[Event]), state.last_day


def _watched(
    configuration: Configuration, around: Surroundings, model: str
) -> tuple[list[MonthFacts], list[EventFacts]]:
    """What monitoring knows, month by month, and what it raised."""
    if configuration.joints["monitoring"] == "off" or not model:
        return [], []
    try:
        with around.connect("monitoring").open(monitoring.Client) as client:
            live = client.months(model)
            first = {month.month: month for month in client.months(model, role="shadow")}
            alerts = client.alerts(model=model)
    except (WireError, DovetailError):
        return [], []
    months = [_month(month, first.get(month.month)) for month in live]
    return months, [_alarm(alert) for alert in alerts if alert.day]


def _month(live: monitoring.Month, first: monitoring.Month | None) -> MonthFacts:
    low, high = live.auc_interval or (None, None)
    return MonthFacts(
        month=date.fromisoformat(f"{live.month}-01"),
        outcomes=live.outcomes,
        champion=", ".join(sorted(live.versions)),
        auc=live.auc,
        auc_low=low,
        auc_high=high,
        log_loss=live.log_loss,
        first_auc=first.auc if first else None,
        first_log_loss=first.log_loss if first else None,
    )


def _alarm(alert: monitoring.Alert) -> EventFacts:
    return EventFacts(
        at=_noon(str(alert.day)),
        kind="alarm" if alert.kind == "performance" else "warning",
        label=alert.kind,
        text=alert.message,
        href=f"/monitoring/{alert.model}#alert-{alert.id}",
    )


KINDS = {
    "training": "retraining",
    "promoted": "promotion",
    "rejected": "rejection",
    "rolled_back": "rollback",
}


def _event(event: Event) -> list[EventFacts]:
    if event.kind not in KINDS:
        return []
    names = ("gain", "low", "high", "expected", "cost")
    figures = [f"{n} {event.facts[n]:.4g}" for n in names if event.facts.get(n) is not None]
    return [
        EventFacts(
            at=_noon(event.day),
            kind=KINDS[event.kind],  # type: ignore[arg-type]
            label=f"v{event.version}" if event.version else event.kind,
            text=event.text,
            href=f"/loop#event-{event.id}",
            detail=", ".join(figures),
        )
    ]


def _noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")
