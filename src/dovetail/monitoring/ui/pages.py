"""Is the model still right: one page for all models, one for each.

Both answer from the same handlers as the HTTP surface. Realised figures stand beside estimated
ones and beside the reference, so that a reader sees what is known, what is only expected, and what
it is measured against.
"""

from datetime import date
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.monitoring.alerts import Status
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.ui.charts import figure_chart
from dovetail.monitoring.ui.overview import Overview, overview_page
from dovetail.web.pages import page_route
from dovetail.wire.monitoring import Alert, Drift, Figures

__all__ = ["page_routes"]

_RECENT = 28
_BY_DAY = 92
_REFRESH = 30


def page_routes(monitoring: Monitoring) -> list[BaseRoute]:
    """The pages, their JSON twins and the buttons on them."""

    def overview(request: Request) -> Overview:
        """Which models are watched, and which of them need somebody."""
        return overview_page(monitoring, request)

    def model(request: Request) -> dict[str, Any]:
        """One model: is it still right, since when not, and why."""
        return model_page(monitoring, request.path_params["model"])

    def change(status: Status) -> Any:
        def endpoint(request: Request) -> Response:
            """Acknowledge or resolve an alert from its page, and go back there."""
            name = request.state.principal.name
            alert = monitoring.change_alert(request.path_params["id"], status, name)
            return RedirectResponse(f"/monitoring/{quote(alert.model, safe='')}#alerts", 303)

        return endpoint

    buttons = "/monitoring/alerts/{id}"
    return [
        Route(f"{buttons}/acknowledge-and-return", change("acknowledged"), methods=["POST"]),
        Route(f"{buttons}/resolve-and-return", change("resolved"), methods=["POST"]),
        *page_route(
            "/monitoring",
            overview,
            template="monitoring/models.html",
            title="Monitoring",
            refresh=_REFRESH,
        ),
        *page_route(
            "/monitoring/{model:path}",
            model,
            template="monitoring/model.html",
            title=lambda page: page["model"],
            refresh=_REFRESH,
        ),
    ]


def _recent(monitoring: Monitoring, model: str, last: str) -> Figures:
    """The figures of the last four weeks that hold anything."""
    start = date.fromordinal(max(1, date.fromisoformat(last).toordinal() - _RECENT + 1))
    return monitoring.performance(model, start.isoformat(), last, Choice())


def model_page(monitoring: Monitoring, model: str) -> dict[str, Any]:
    """All that the page of one model shows."""
    days = monitoring.days(model, "", "", Choice())
    by_week = len(days) > _BY_DAY
    lines = {}
    for role in ("live", "shadow"):
        choice = Choice(role)
        if by_week:
            lines[role] = monitoring.weeks(model, choice)
        else:
            lines[role] = {d.day.isoformat(): d for d in monitoring.days(model, "", "", choice)}
    last = days[-1].day.isoformat() if days else ""
    references = monitoring.references.of(model)
    alerts = monitoring.find_alerts("", model)
    drift = next((day for day in reversed(days) if day.drift), None)
    return {
        "model": model,
        "last": last,
        "recent": _recent(monitoring, model, last) if last else Figures(),
        "days": _RECENT,
        "period": "week" if by_week else "day",
        "auc": figure_chart("auc", lines, alerts),
        "log_loss": figure_chart("log_loss", lines, alerts),
        "alerts": [alert_row(alert) for alert in alerts],
        "versions": _versions(monitoring, model, references),
        "drift_day": drift.day if drift else None,
        "drift": [_drift(v, found) for v, found in drift.drift.items()] if drift else [],
    }


def _versions(
    monitoring: Monitoring, model: str, references: dict[str, Any]
) -> list[dict[str, Any]]:
    rows = []
    for role, version in monitoring.store.versions(model):
        figures = monitoring.performance(model, "", "", Choice(role, version))
        reference = references.get(version)
        before = reference.performance if reference else None
        rows.append(
            {
                "version": version or "(none)",
                "role": role,
                "predictions": figures.predictions,
                "outcomes": figures.outcomes,
                "auc": figures.auc,
                "reference_auc": before.auc if before else None,
                "log_loss": figures.log_loss,
                "reference_log_loss": before.log_loss if before else None,
                "reference": f"{reference.rows:,} rows" if reference else "",
            }
        )
    return rows


def _drift(version: str, found: Drift) -> dict[str, Any]:
    return {
        "version": version,
        "rows": found.rows,
        "evidence": found.evidence,
        "threshold": found.threshold,
        "alarm": found.alarm,
        "columns": list(found.columns),
    }


def alert_row(alert: Alert) -> dict[str, Any]:
    """An alert as a table shows it."""
    return {
        "id": alert.id,
        "model": alert.model,
        "version": alert.version,
        "kind": alert.kind,
        "level": alert.severity if alert.status != "resolved" else "idle",
        "status": alert.status,
        "day": alert.day,
        "message": alert.message,
        "changed_by": alert.changed_by,
        "href": f"/monitoring/{quote(alert.model, safe='')}#alerts",
        "buttons": alert.status != "resolved",
    }
