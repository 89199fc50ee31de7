"""Performance over HTTP, as JSON."""

from datetime import date

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.monitoring.errors import ChoiceInvalidError, DayInvalidError
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.quality.history import History
from dovetail.monitoring.quality.rows import Task
from dovetail.monitoring.quality.service import Asked, measure
from dovetail.wire.monitoring import DayQuality

_MODEL = "/monitoring/models/{name:path}"
_DAYS = 100
_ROLES = ("live", "shadow")
_TASKS: dict[str, Task] = {
    "binary": "binary",
    "multiclass": "multiclass",
    "regression": "regression",
}


def quality_routes(monitoring: Monitoring) -> list[BaseRoute]:
    """The routes of performance in full."""
    history, own = History(monitoring.store.database), monitoring.business

    def quality(request: Request) -> Response:
        """Return how a model does over a window: every figure with its interval, by segment."""
        query = request.query_params
        name, asked = request.path_params["name"], _asked(request)
        days = monitoring.days_between(name, query.get("start", ""), query.get("end", ""))
        return _json(measure(history, name, days, asked, monitoring.references.of(name), own))

    def quality_by_day(request: Request) -> Response:
        """Return the same figures day by day."""
        query = request.query_params
        name, asked = request.path_params["name"], _asked(request)
        days = monitoring.days_between(name, query.get("start", ""), query.get("end", ""))
        if len(days) > _DAYS:
            raise DayInvalidError(
                f"the window holds {len(days)} days, at most {_DAYS} are measured one by one",
                fix="ask for fewer with start and end, or for the window as a whole",
            )
        references = monitoring.references.of(name)
        found = [
            DayQuality(
                day=date.fromisoformat(day),
                quality=measure(history, name, [day], asked, references, own),
            )
            for day in days
        ]
        return _json([one for one in found if one.quality.arrival.predictions])

    return [
        Route(f"{_MODEL}/quality", quality, methods=["GET"]),
        Route(f"{_MODEL}/quality-by-day", quality_by_day, methods=["GET"]),
    ]


def _asked(request: Request) -> Asked:
    query = request.query_params
    role, task = query.get("role") or "live", query.get("task") or None
    if role not in _ROLES:
        raise ChoiceInvalidError(f"role '{role}' is neither live nor shadow")
    if task is not None and task not in _TASKS:
        raise ChoiceInvalidError(f"task '{task}' is none of binary, multiclass and regression")
    text = query.get("threshold") or "0.5"
    try:
        threshold = float(text)
    except ValueError as error:
        raise ChoiceInvalidError(f"threshold '{text}' is no number") from error
    return Asked(
        choice=Choice(role, query.get("version") or None),
        task=_TASKS[task] if task else None,
        threshold=threshold,
        by=query.get("by") or None,
    )


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
