"""Webhooks: who is told of what."""

import re
from typing import Any

import anyio
import msgspec
from msgspec import UNSET
from sqlalchemy.engine import Connection, Row

from dovetail.base.vault import Vault
from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.store import hooks as rows
from dovetail.labels.store import projects as project_rows
from dovetail.labels.webhooks.courier import Secrets
from dovetail.labels.webhooks.outbox import ACTIONS, ORGANISATION_ONLY, Outbox
from dovetail.web.outbound import Policy
from dovetail.wire.label_studio.connected import Webhook, WebhookChange

__all__ = ["Webhooks"]

MOST_HEADERS = 10
_HEADER = re.compile(r"[a-zA-Z0-9-_]+")
_VALUE = re.compile(r"[^\r\n\x00]*")
_SET_BY_US = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class Webhooks:
    """Webhooks.

    Args:
        backend: the surroundings.
        policy: which addresses may be called.
        vault: seals headers and secrets.
        outbox: has to know of changes.
    """

    def __init__(self, backend: Backend, policy: Policy, vault: Vault, outbox: Outbox) -> None:
        self._backend, self._policy = backend, policy
        self._vault, self._outbox = vault, outbox

    def all_of(self, project: int | None) -> list[Webhook]:
        """Return the webhooks of a project, or all."""
        found = self._backend.database.read(lambda c: rows.list_some(c, project))
        return [self._shown(row) for row in found]

    def get(self, number: int) -> Webhook:
        """Return a webhook.

        Raises:
            AbsentError: there is none.
        """
        return self._shown(self._row(number))

    def create(self, change: WebhookChange) -> Webhook:
        """Make a webhook.

        Raises:
            FieldError: a field cannot be used, or its address may not be called.
            AbsentError: there is no such project.
        """
        if change.url is UNSET:
            raise FieldError("This field is required", "url")
        project = change.project if isinstance(change.project, int) else None
        now = self._backend.now()
        values = {
            "project_id": project,
            "send_payload": True,
            "send_for_all_actions": True,
            "is_active": True,
            "actions": "[]",
            "created_at": now,
            **self._columns(change, project, Secrets()),
        }

        def write(c: Connection) -> int:
            if project is not None and not project_rows.identify(c, project):
                raise AbsentError("project", project)
            return rows.add(c, values)

        number = self._backend.database.write(write)
        self._outbox.forget()
        return self.get(number)

    def change(self, number: int, change: WebhookChange) -> Webhook:
        """Change a webhook; its project stays.

        Raises:
            AbsentError: there is none.
            FieldError: a field cannot be used, or its address may not be called.
        """
        row = self._row(number)
        values = self._columns(change, row.project_id, self._secrets(row))
        self._backend.database.write(lambda c: rows.change(c, number, values))
        self._outbox.forget()
        return self.get(number)

    def remove(self, number: int) -> None:
        """Delete a webhook.

        Raises:
            AbsentError: there is none.
        """
        if not self._backend.database.write(lambda c: rows.remove(c, number)):
            raise AbsentError("webhook", number)
        self._outbox.forget()

    def _row(self, number: int) -> Row[Any]:
        row = self._backend.database.read(lambda c: rows.find(c, number))
        if row is None:
            raise AbsentError("webhook", number)
        return row

    def _secrets(self, row: Row[Any]) -> Secrets:
        return msgspec.json.decode(self._vault.open("webhook", row.secrets), type=Secrets)

    def _columns(
        self, change: WebhookChange, project: int | None, before: Secrets
    ) -> dict[str, Any]:
        values: dict[str, Any] = {"updated_at": self._backend.now()}
        if change.url is not UNSET:
            anyio.run(self._policy.admit, change.url)
            values["url"] = change.url
        for name in ("send_payload", "send_for_all_actions", "is_active"):
            if getattr(change, name) is not UNSET:
                values[name] = getattr(change, name)
        if change.actions is not UNSET:
            actions = change.actions or []
            _check_actions(actions, project)
            values["actions"] = msgspec.json.encode(actions).decode()
        headers = before.headers if change.headers is UNSET else change.headers or {}
        secret = before.secret if change.secret is UNSET else change.secret or ""
        _check_headers(headers)
        sealed = msgspec.json.encode(Secrets(headers=headers, secret=secret)).decode()
        values["secrets"] = self._vault.seal("webhook", sealed)
        return values

    def _shown(self, row: Row[Any]) -> Webhook:
        return Webhook(
            id=row.id,
            project=row.project_id,
            url=row.url,
            send_payload=row.send_payload,
            send_for_all_actions=row.send_for_all_actions,
            headers=self._secrets(row).headers,
            is_active=row.is_active,
            actions=msgspec.json.decode(row.actions),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _check_actions(actions: list[str], project: int | None) -> None:
    unknown = [one for one in actions if one not in ACTIONS]
    if unknown:
        raise FieldError(f'"{unknown[0]}" is not a valid choice.', "actions")
    if project is not None and ORGANISATION_ONLY & set(actions):
        raise FieldError("Project webhook can't contain organization-only action.", "actions")


def _check_headers(headers: dict[str, str]) -> None:
    if len(headers) > MOST_HEADERS:
        raise FieldError(f"there are more than {MOST_HEADERS} headers", "headers")
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _SET_BY_US:
            raise FieldError(f"the header {name!r} cannot be set", "headers")
        if not _VALUE.fullmatch(value):
            raise FieldError(f"the header {name} has a line break", "headers")
