"""Use cases on webhooks.

Unlike the others they open transactions of their own, for a name server or a receiver is waited for
outside of them. Secrets go in and are never given out.
"""

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, TypeVar

import anyio.to_thread
from sqlalchemy.engine import Connection

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.base.sql import Database
from dovetail.base.vault import Vault
from dovetail.tracking import paging
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.store import deliveries
from dovetail.tracking.store import webhooks as store
from dovetail.tracking.validation import missing
from dovetail.tracking.webhooks.outbox import notice_of
from dovetail.tracking.webhooks.policy import Policy
from dovetail.tracking.webhooks.sender import Outcome, Sender
from dovetail.wire.mlflow import (
    EVENTS,
    CreateWebhook,
    Empty,
    GetWebhook,
    ListWebhooks,
    Message,
    TestWebhook,
    TestWebhookResponse,
    UpdateWebhook,
    WebhookEvent,
    WebhookResponse,
    WebhooksResponse,
    WebhookTestResult,
)

__all__ = ["SWITCHED_OFF", "Webhooks", "role_for"]

log = telemetry.logger("tracking")
T = TypeVar("T")
MOST_LISTED = 1000
LONGEST_SECRET = 1000
LONGEST_TEXT = 5000
SWITCHED_OFF = "the webhook was switched off"
_NAME = re.compile(r"(?=.{1,63}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)


def role_for(q: Message) -> Literal["editor", "admin"]:
    """Return who may ask for something.

    A webhook has the server call an address, and a receiver's URL is often a secret itself. So
    admins make and change them; editors see, test and switch them; viewers do not.
    """
    if isinstance(q, UpdateWebhook):
        given = (q.name, q.description, q.url, q.events or None, q.secret)
        return "editor" if all(one is None for one in given) else "admin"
    return "admin" if isinstance(q, CreateWebhook | GetWebhook) else "editor"


class Webhooks:
    """Manages webhooks.

    Args:
        database: the tables.
        backend: the surroundings.
        policy: which addresses may be called.
        sender: sends tests.
        vault: keeps secrets.
    """

    def __init__(
        self, database: Database, backend: Backend, policy: Policy, sender: Sender, vault: Vault
    ) -> None:
        self._database, self._backend = database, backend
        self._policy, self._sender, self._vault = policy, sender, vault

    async def create(self, actor: str, q: CreateWebhook) -> WebhookResponse:
        """Have events sent to a URL."""
        _check_name(q.name)
        if not q.events:
            raise missing("events")
        _check_texts(q.description, q.secret)
        await self._policy.admit(q.url)
        _check_events(q.events)
        now, webhook = self._backend.now(), str(uuid.uuid4())
        secret = self._vault.seal(webhook, q.secret) if q.secret else None
        values = {
            "webhook_id": webhook,
            "name": q.name,
            "description": q.description or None,
            "url": q.url,
            "status": q.status or store.ACTIVE,
            "secret": secret,
            "creation_timestamp": now,
            "last_updated_timestamp": now,
            "changed_by": actor,
        }

        def write(c: Connection) -> WebhookResponse:
            store.create(c, values, q.events)
            return _response(c, webhook)

        log.info("webhook created", webhook=q.name, actor=actor)
        return await self._write(write)

    async def list(self, actor: str, q: ListWebhooks) -> WebhooksResponse:
        """List webhooks, newest first, a page at a time."""
        limit = q.max_results or 100
        if not 1 <= limit <= MOST_LISTED:
            raise InvalidParameterError(f"max_results must be between 1 and {MOST_LISTED}.")
        offset = paging.offset_of(q.page_token)

        def read(c: Connection) -> WebhooksResponse:
            rows, token = paging.page(store.find(c, (offset, limit + 1)), offset, limit)
            found = tuple(store.entities(c, rows))
            return WebhooksResponse(webhooks=found, next_page_token=token)

        return await self._read(read)

    async def get(self, actor: str, q: GetWebhook) -> WebhookResponse:
        """Get a webhook."""
        return await self._read(lambda c: _response(c, q.webhook_id))

    async def update(self, actor: str, q: UpdateWebhook) -> WebhookResponse:
        """Change what is given of a webhook, or switch it."""
        await self._read(lambda c: store.get(c, q.webhook_id))
        values: dict[str, Any] = {}
        if q.name:
            _check_name(q.name)
            values["name"] = q.name
        _check_texts(q.description, q.secret)
        if q.url:
            await self._policy.admit(q.url)
            values["url"] = q.url
        _check_events(q.events)
        if q.description is not None:
            values["description"] = q.description
        if q.secret is not None:
            values["secret"] = self._vault.seal(q.webhook_id, q.secret) if q.secret else None
        if q.status is not None:
            values["status"] = q.status

        def write(c: Connection) -> WebhookResponse:
            old = store.get(c, q.webhook_id)
            changed = max(self._backend.now(), old.last_updated_timestamp + 1)
            facts = {**values, "last_updated_timestamp": changed, "changed_by": actor}
            store.change(c, q.webhook_id, facts, q.events)
            if q.status == "DISABLED":
                deliveries.cancel(c, q.webhook_id, SWITCHED_OFF, _now())
            return _response(c, q.webhook_id)

        log.info("webhook changed", webhook=q.webhook_id, actor=actor, changed=sorted(values))
        return await self._write(write)

    async def delete(self, actor: str, q: GetWebhook) -> Empty:
        """Remove a webhook with its deliveries; what is still waiting is not sent."""
        await self._write(lambda c: store.delete(c, q.webhook_id))
        log.info("webhook deleted", webhook=q.webhook_id, actor=actor)
        return Empty()

    async def test(self, actor: str, q: TestWebhook) -> TestWebhookResponse:
        """Send an example of an event, once, and tell what the receiver answered."""
        if q.event is not None:
            _check_events((q.event,))

        def read(c: Connection) -> tuple[Any, WebhookEvent]:
            row = store.get(c, q.webhook_id)
            return row, q.event or store.entities(c, [row])[0].events[0]

        row, event = await self._read(read)
        backend = replace(self._backend, actor=actor)
        body, delivery, began = notice_of(backend, event, EVENTS[event]), str(uuid.uuid4()), _now()
        try:
            secret = self._vault.open(row.webhook_id, row.secret) if row.secret else None
        except DovetailError as error:
            outcome = Outcome(error=str(error))
        else:
            outcome = await self._sender.send(row.url, secret, delivery, body.encode())
        facts = {
            "delivery_id": delivery,
            "webhook_id": row.webhook_id,
            "event": event.name,
            "body": body,
            "created": began,
            "state": deliveries.DELIVERED if outcome.is_delivered else deliveries.FAILED,
            "due": began,
            "status": outcome.status,
            "error": outcome.error,
            "took": int(outcome.seconds * 1000),
            "finished": _now(),
        }

        def note(c: Connection) -> None:
            store.get(c, q.webhook_id)
            deliveries.record_test(c, facts)
            deliveries.prune(c, row.webhook_id)

        await self._write(note)
        return TestWebhookResponse(_result(outcome))

    async def _read(self, fn: Callable[[Connection], T]) -> T:
        return await anyio.to_thread.run_sync(lambda: self._database.read(fn))

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        return await self._database.write_soon(fn)


def _response(c: Connection, webhook: str) -> WebhookResponse:
    return WebhookResponse(store.entities(c, [store.get(c, webhook)])[0])


def _result(outcome: Outcome) -> WebhookTestResult:
    answered = outcome.status is not None
    return WebhookTestResult(
        success=outcome.is_delivered,
        response_status=outcome.status,
        response_body=outcome.body if answered else None,
        error_message=None if answered else f"Failed to test webhook: {outcome.error}",
    )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidParameterError(
            f"Webhook name {name!r} is invalid. It must start and end with a letter or digit, "
            "be less than 63 characters long, and contain only letters, digits, dots (.), "
            "underscores (_), and hyphens (-)."
        )


def _check_texts(description: str | None, secret: str | None) -> None:
    for what, text, most in (
        ("description", description, LONGEST_TEXT),
        ("secret", secret, LONGEST_SECRET),
    ):
        if len(text or "") > most:
            raise InvalidParameterError(f"Webhook {what} has more than {most} characters.")


def _check_events(events: tuple[WebhookEvent, ...]) -> None:
    for event in events:
        if event not in EVENTS:
            known = sorted(one.action.lower() for one in EVENTS if one.entity == event.entity)
            raise InvalidParameterError(
                f"Invalid action '{event.action.lower()}' for entity '{event.entity.lower()}'. "
                f"Valid actions are: {known}"
            )


def _now() -> int:
    return time.time_ns() // 1_000_000
