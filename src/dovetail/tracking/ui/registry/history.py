"""The page of a model's history: who moved which alias when, and what was in force on a day."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking import paging
from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import history as cases
from dovetail.web.charts import Event
from dovetail.wire.history import HistoryEvent, HistoryPage

__all__ = ["HistoryView", "history_page", "model_href", "told"]

TOPICS = ("alias", "stage", "version", "model")
_LEVELS = {"alias": "ok", "stage": "info", "version": "idle", "model": "warn"}
_CAUSES = {
    "rename": "by a rename",
    "deletion": "by a deletion",
    "archive": "archived by a transition",
    "known": "known since the history begins",
}


class HistoryView(HistoryPage, frozen=True, kw_only=True):
    """What the page shows beside the history itself."""

    at: str
    topic: str
    subject: str

    @property
    def model_href(self) -> str:
        """Where the model's page is."""
        return model_href(self.name)

    @property
    def told(self) -> list[Event]:
        """The changes of this page as a time line tells them, oldest first."""
        return [told(self.name, one) for one in reversed(self.events)]

    @property
    def topics(self) -> tuple[str, ...]:
        """Of what there are histories."""
        return TOPICS


def history_page(b: Backend, c: Connection, request: Request) -> HistoryView:
    """Return the changes under a model's name, and the model as of an instant.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: `at` is an instant, `topic` and `subject` choose changes, `page` where to go on.
    """
    asked = request.query_params
    where = {key: value for key in ("topic", "subject") if (value := asked.get(key, "").strip())}
    at = asked.get("at", "").strip()
    offset = paging.offset_of(asked.get("page"))
    found = cases.page(b, c, request.path_params["name"], where, offset, at)
    kept = [(key, value) for key, value in asked.multi_items() if key != "page"]
    following = ""
    if found.next:
        following = "?" + urlencode([*kept, ("page", paging.token_of(int(found.next)))])
    values = {name: getattr(found, name) for name in found.__struct_fields__}
    return HistoryView(
        **{**values, "next": following},
        at=at,
        topic=where.get("topic", ""),
        subject=where.get("subject", ""),
    )


def told(name: str, event: HistoryEvent) -> Event:
    """Return a change as a time line tells it."""
    who = [f"by {event.actor}"] if event.actor else []
    why = [_CAUSES[event.cause]] if event.cause in _CAUSES else []
    return Event(
        at=datetime.fromtimestamp(event.at / 1000, UTC),
        lane=event.topic,
        text=_sentence(event),
        level=_level(event),
        href=_href(name, event),
        detail=", ".join([*who, *why]),
    )


def _level(event: HistoryEvent) -> Any:
    return "alarm" if event.after is None else _LEVELS[event.topic]


def _href(name: str, event: HistoryEvent) -> str:
    number = event.after or event.before if event.topic == "alias" else event.subject
    if event.topic == "model" or not number:
        return ""
    return f"{model_href(name)}/versions/{number}"


def model_href(name: str) -> str:
    """Return the address of a model's page."""
    return f"/tracking/models/{quote(name, safe='')}"


def _sentence(event: HistoryEvent) -> str:
    subject, before, after = event.subject, event.before, event.after
    if event.topic == "alias":
        if after is None:
            return f"@{subject} removed from version {before}"
        return f"@{subject} {'set to' if before is None else f'moved from {before} to'} {after}"
    if event.topic == "stage":
        return f"Version {subject} from {before or 'None'} to {after or 'nothing'}"
    if event.topic == "version":
        return f"Version {subject} {'registered' if after else 'deleted'}"
    if before is None:
        return "Model registered" if event.cause != "known" else "Model known"
    if after is None:
        return "Model deleted"
    return f"Model renamed from {before} to {after}"
