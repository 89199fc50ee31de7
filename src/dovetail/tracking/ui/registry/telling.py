"""Changes of the registry as sentences, and the addresses of what they are about."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from dovetail.web.charts import Event
from dovetail.wire.history import HistoryEvent

__all__ = ["model_href", "told", "version_href"]

_LEVELS = {"alias": "ok", "stage": "info", "version": "idle", "model": "warn"}
_CAUSES = {
    "rename": "by a rename",
    "deletion": "by a deletion",
    "archive": "archived by a transition",
    "known": "known since the history begins",
}


def model_href(name: str) -> str:
    """Return the address of a model's page."""
    return f"/tracking/models/{quote(name, safe='')}"


def version_href(name: str, version: str | int) -> str:
    """Return the address of a version's page."""
    return f"{model_href(name)}/versions/{version}"


def told(name: str, event: HistoryEvent) -> Event:
    """Return a change as a time line tells it.

    Args:
        name: of the model.
        event: what happened.
    """
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
    if event.topic == "model" or (event.topic == "version" and event.after is None):
        return ""
    number = event.after or event.before if event.topic == "alias" else event.subject
    return version_href(name, number or "")


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
    return f"Model renamed from {before} to {after}" if after else "Model deleted"
