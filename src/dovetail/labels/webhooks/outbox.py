"""Which webhooks hear of a change, queued within the change's own transaction."""

import time
from typing import Any

import msgspec
from sqlalchemy.engine import Connection, Row

from dovetail.labels.backend import Changed
from dovetail.labels.store import hooks as rows

__all__ = ["ACTIONS", "ORGANISATION_ONLY", "Outbox"]

ACTIONS = (
    "PROJECT_CREATED", "PROJECT_UPDATED", "PROJECT_DELETED", "TASKS_CREATED", "TASKS_DELETED",
    "ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED",
    "START_TRAINING", "LABEL_LINK_CREATED", "LABEL_LINK_UPDATED", "LABEL_LINK_DELETED",
)  # fmt: skip
ORGANISATION_ONLY = frozenset({"PROJECT_CREATED", "PROJECT_DELETED"})
FRESH_SECONDS = 1.0
"""How long it may take until this server knows of a webhook that another made."""
BATCH = 500
"""Tasks of one body at most."""


class Outbox:
    """Queues."""

    def __init__(self) -> None:
        self._known: list[Row[Any]] = []
        self._until = 0.0

    @property
    def is_heard(self) -> bool:
        """Whether there is any webhook, as far as the last change knew."""
        return bool(self._known)

    def forget(self) -> None:
        """Look anew which webhooks there are: one has changed."""
        self._until = 0.0

    def record(self, c: Connection, event: Changed) -> None:
        """Queue a delivery for each webhook that asked for an event."""
        now = time.monotonic()
        if now >= self._until:
            self._known = list(rows.active(c))
            self._until = now + FRESH_SECONDS
        if not self._known or event.action not in ACTIONS:
            return
        due = time.time_ns() // 1_000_000
        wanted = [
            {
                "webhook_id": hook.id,
                "project_id": event.project,
                "action": event.action,
                "numbers": msgspec.json.encode(list(part)).decode(),
                "due_ms": due,
            }
            for hook in self._known
            if _hears(hook, event)
            for part in (event.ids[i : i + BATCH] for i in range(0, len(event.ids), BATCH))
        ]
        if wanted:
            rows.queue(c, wanted)


def _hears(hook: Row[Any], event: Changed) -> bool:
    if hook.project_id is not None and (
        hook.project_id != event.project or event.action in ORGANISATION_ONLY
    ):
        return False
    return bool(hook.send_for_all_actions) or event.action in msgspec.json.decode(hook.actions)
