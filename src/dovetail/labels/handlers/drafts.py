"""Drafts: what a person has begun and not sent."""

from typing import Any

from msgspec import Raw
from sqlalchemy.engine import Connection, Row

from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError
from dovetail.labels.handlers.annotations import Annotations
from dovetail.labels.handlers.fields import Fields
from dovetail.labels.handlers.shapes import draft_json, joined
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import annotations as rows
from dovetail.labels.store import tasks as task_rows

__all__ = ["Drafts"]


class Drafts:
    """Drafts, each of which its owner alone sees.

    Args:
        backend: the surroundings.
        users: whose.
        annotations: what drafts come from and become.
    """

    def __init__(self, backend: Backend, users: Users, annotations: Annotations) -> None:
        self._backend, self._users, self._annotations = backend, users, annotations

    def create(self, task: int, fields: Fields, user: int, annotation: int | None = None) -> bytes:
        """Save a draft of a task, or of changes to an annotation, and return it as JSON.

        Raises:
            AbsentError: there is no such task or annotation.
            FieldError: a field cannot be used.
        """
        now = self._backend.now()
        result, _ = fields.regions()
        row = {
            "task_id": task,
            "annotation_id": annotation,
            "user_id": user,
            "result": result,
            "lead_time": fields.optional("lead_time", float),
            "was_postponed": fields.take("was_postponed", bool, False),
            "created_at": now,
            "updated_at": now,
        }

        def write(c: Connection) -> Row[Any] | None:
            if task_rows.flags(c, task) is None:
                raise AbsentError("task", task)
            if annotation is not None:
                found = rows.find(c, annotation)
                if found is None or found.task_id != task:
                    raise AbsentError("annotation", annotation)
            return rows.find_draft(c, rows.add_draft(c, row))

        return self._shown(self._backend.database.write(write))

    def from_annotation(self, number: int, user: int) -> bytes:
        """Turn an annotation into a draft of the caller and return it as JSON.

        Raises:
            AbsentError: there is no such annotation.
        """
        row = self._backend.database.read(lambda c: rows.find(c, number))
        if row is None:
            raise AbsentError("annotation", number)
        fields = Fields({"result": Raw(row.result)})
        made = self.create(row.task_id, fields, user)
        self._annotations.remove(number, user)
        return made

    def list(self, task: int, user: int, annotation: int | None = None) -> bytes:
        """Return the caller's drafts of a task as a JSON list."""
        found = self._backend.database.read(
            lambda c: rows.drafts_of(c, [task], user=user, annotation=annotation)
        )
        return joined(self._shown(row) for row in found.get(task, ()))

    def get(self, number: int, user: int) -> bytes:
        """Return a draft of the caller as JSON.

        Raises:
            AbsentError: there is none.
        """
        return self._shown(self._backend.database.read(lambda c: _mine(c, number, user)))

    def change(self, number: int, fields: Fields, user: int) -> bytes:
        """Change a draft of the caller and return it as JSON.

        Raises:
            AbsentError: there is none.
            FieldError: a field cannot be used.
        """
        values: dict[str, Any] = {"updated_at": self._backend.now()}
        if "result" in fields:
            values["result"], _ = fields.regions()
        if "lead_time" in fields:
            values["lead_time"] = fields.optional("lead_time", float)
        if "was_postponed" in fields:
            values["was_postponed"] = fields.take("was_postponed", bool, False)

        def write(c: Connection) -> Row[Any]:
            _mine(c, number, user)
            rows.change_draft(c, number, values)
            return _mine(c, number, user)

        return self._shown(self._backend.database.write(write))

    def remove(self, number: int, user: int) -> None:
        """Delete a draft of the caller.

        Raises:
            AbsentError: there is none.
        """

        def write(c: Connection) -> None:
            _mine(c, number, user)
            rows.remove_draft(c, number)

        self._backend.database.write(write)

    def _shown(self, row: Row[Any] | None) -> bytes:
        assert row is not None
        return draft_json(row, self._users.people(), self._users.emails)


def _mine(c: Connection, number: int, user: int) -> Row[Any]:
    row = rows.find_draft(c, number)
    if row is None or row.user_id != user:
        raise AbsentError("draft", number)
    return row
