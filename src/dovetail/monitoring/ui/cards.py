"""An alert as a page shows it: what, since when, why, where, which rows, and what was done."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from dovetail.monitoring.actions import EXPECTABLE
from dovetail.monitoring.assessor import Assessment
from dovetail.monitoring.ui.charts import evidence_chart
from dovetail.monitoring.ui.links import VersionLink
from dovetail.web.charts import Chart
from dovetail.wire.monitoring import Alert, AlertChange

__all__ = ["Card", "Deed", "cards", "deeds"]

_CURVES = 3


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done: with which alert, by whom, when and why."""

    alert: str
    kind: str
    version: str
    change: AlertChange


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """An active alert.

    Attributes:
        alert: The alert.
        title: What happened, in a few words.
        level: How urgent it is.
        since: Since when.
        columns: What changed: name, how, share of the evidence.
        segments: The parts of the rows that it is in.
        examples: Rows that show it.
        shown: The names of the columns of the examples.
        example_columns: The columns of their table.
        curve: How the evidence grew.
        links: Where to look further.
        expectable: Whether the change can become the new reference.
        href: Below which it is changed.
    """

    alert: Alert
    title: str
    level: str
    since: str
    columns: list[dict[str, Any]]
    segments: list[dict[str, Any]]
    examples: list[dict[str, Any]]
    shown: list[str]
    example_columns: list[dict[str, str]]
    curve: Chart | None
    links: list[dict[str, str]]
    expectable: bool
    href: str


def cards(
    alerts: Sequence[Alert],
    found: Sequence[Assessment],
    everything: Sequence[Alert],
    version_page: VersionLink,
) -> list[Card]:
    """The active alerts, the worst first.

    Args:
        alerts: Those that are active, newest first.
        found: All assessments of the model.
        everything: All alerts of the model, marked in the curves.
        version_page: Where the page of a version is.
    """
    ordered = sorted(alerts, key=lambda a: (a.status != "open", a.severity != "alarm"))
    return [
        _card(
            alert,
            found if place < _CURVES else (),
            everything,
            version_page(alert.model, alert.version or ""),
        )
        for place, alert in enumerate(ordered)
    ]


def _card(
    alert: Alert, found: Sequence[Assessment], everything: Sequence[Alert], version_page: str
) -> Card:
    facts: Mapping[str, Any] = alert.facts
    examples = list(facts.get("examples", ()))
    shown = list(examples[0].get("values", {})) if examples else []
    version = alert.version or ""
    return Card(
        alert=alert,
        title=_title(alert),
        level=alert.severity if alert.status == "open" else "info",
        since=str(facts.get("since") or alert.day or ""),
        columns=list(facts.get("columns", ()))[:10],
        segments=list(facts.get("segments", ())),
        examples=examples,
        shown=shown,
        example_columns=[
            {"key": "request_id", "title": "Request"},
            {"key": "row", "title": "Row", "kind": "number"},
            *({"key": name, "title": name, "kind": "number"} for name in shown),
        ],
        curve=evidence_chart(alert.kind, version, found, everything)
        if alert.kind in EXPECTABLE
        else None,
        links=_links(alert, version_page),
        expectable=alert.kind in EXPECTABLE,
        href=f"/monitoring/alerts/{alert.id}",
    )


def _links(alert: Alert, version_page: str) -> list[dict[str, str]]:
    """The check of the data, the version, and the same as JSON."""
    model, version = quote(alert.model, safe=""), quote(alert.version or "", safe="")
    since = str(alert.facts.get("since") or alert.day or "")[:10]
    figures = f"/monitoring/models/{model}/quality?version={version}&start={since}"
    pages = [
        {"href": "#inputs", "text": "check of the data, column by column"},
        {"href": figures, "text": "performance since then (JSON)"},
    ]
    found = pages if alert.kind in EXPECTABLE else []
    if version_page:
        found.append({"href": version_page, "text": f"version {alert.version} in the registry"})
    return [*found, {"href": f"/monitoring/alerts/{alert.id}/history", "text": "history (JSON)"}]


def _title(alert: Alert) -> str:
    titles = {
        "drift": "Inputs have changed",
        "performance": "Outcomes confirm a loss",
        "feed": "The feed is silent",
    }
    found = titles.get(alert.kind, alert.kind)
    return f"{found}, version {alert.version}" if alert.version else found


def deeds(rows: Sequence[tuple[Alert, AlertChange]]) -> list[Deed]:
    """What was done with the alerts of a model."""
    return [
        Deed(alert=alert.id, kind=alert.kind, version=alert.version or "", change=change)
        for alert, change in rows
    ]
