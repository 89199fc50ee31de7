"""Writing a delivery in the transaction of the change that it tells of.

So a change that fails or is undone sends nothing, and one that was acknowledged is told of even if
the server dies before it was sent.
"""

import uuid

import msgspec
from sqlalchemy.engine import Connection

from dovetail.tracking.backend import Backend
from dovetail.tracking.store import deliveries, models, webhooks
from dovetail.wire.mlflow import Happening, Notice, WebhookAction, WebhookEntity, WebhookEvent

__all__ = ["announce", "announce_about", "notice_of", "take_announced"]

_ANNOUNCED = "dovetail.webhooks.announced"
_OF_PROMPTS: dict[WebhookEntity, WebhookEntity] = {
    "MODEL_VERSION_TAG": "PROMPT_VERSION_TAG",
    "MODEL_VERSION_ALIAS": "PROMPT_ALIAS",
}


def announce(b: Backend, c: Connection, event: WebhookEvent, happening: Happening) -> None:
    """Queue a delivery for each active webhook that asked for an event."""
    found = [who for who, _ in webhooks.subscribers(c, [event.entity], event.action)]
    _queue(b, c, found, event, happening)


def announce_about(
    b: Backend,
    c: Connection,
    name: str,
    entity: WebhookEntity,
    action: WebhookAction,
    happening: Happening,
) -> None:
    """Like `announce`, where the event depends on whether a model is a prompt.

    Args:
        b: the surroundings.
        c: the transaction of the change.
        name: of the registered model.
        entity: what changed if it is a model, or what changes of prompts only.
        action: how it changed.
        happening: what happened.
    """
    of_prompt = _OF_PROMPTS.get(entity, entity)
    found = webhooks.subscribers(c, list({entity, of_prompt}), action)
    if not found:
        return
    is_prompt = models.is_prompt(c, name)
    if not is_prompt and entity not in _OF_PROMPTS:
        return
    event = WebhookEvent(of_prompt if is_prompt else entity, action)
    _queue(b, c, [who for who, asked in found if asked == event], event, happening)


def _queue(
    b: Backend, c: Connection, found: list[str], event: WebhookEvent, happening: Happening
) -> None:
    if not found:
        return
    body, now = notice_of(b, event, happening), b.now()
    for webhook in found:
        deliveries.add(c, webhook, event.name, str(uuid.uuid4()), body, now)
    c.info[_ANNOUNCED] = True


def notice_of(b: Backend, event: WebhookEvent, happening: Happening) -> str:
    """Return the body that tells of an event."""
    notice = Notice(
        entity=event.entity.lower(),
        action=event.action.lower(),
        timestamp=b.clock.now().isoformat(),
        data=happening,
        actor=b.actor,
    )
    return msgspec.json.encode(notice).decode()


def take_announced(c: Connection) -> bool:
    """Return whether the transaction at hand has queued a delivery, and forget it."""
    return bool(c.info.pop(_ANNOUNCED, False))
