"""Annotations: written once, durable before they are acknowledged."""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy.engine import Connection, Row

from dovetail.base.errors import ForbiddenError
from dovetail.labels.backend import Backend, Saved
from dovetail.labels.errors import AbsentError, DuplicateError
from dovetail.labels.handlers.fields import Fields
from dovetail.labels.handlers.reading import ANNOTATION, annotation_row
from dovetail.labels.handlers.shapes import annotation_json, joined
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import annotations as rows
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import saving
from dovetail.labels.store import tasks as task_rows

__all__ = ["Annotations"]

PARSERS: dict[str, Callable[[Fields, str], Any]] = {
    "was_cancelled": lambda f, _: f.take("was_cancelled", bool, False),
    "ground_truth": lambda f, _: f.take("ground_truth", bool, False),
    "lead_time": lambda f, _: f.optional("lead_time", float),
    "draft_created_at": lambda f, _: f.moment("draft_created_at", "") or None,
    "parent_prediction": lambda f, _: f.optional("parent_prediction", int),
    "parent_annotation": lambda f, _: f.optional("parent_annotation", int),
    "last_action": lambda f, _: f.optional("last_action", str),
    "completed_by": lambda f, _: f.optional("completed_by", int),
}


class Annotations:
    """What people say.

    Args:
        backend: the surroundings.
        users: who says it.
    """

    def __init__(self, backend: Backend, users: Users) -> None:
        self._backend, self._users = backend, users

    def create(self, task: int, fields: Fields, user: int, *, is_admin: bool = False) -> bytes:
        """Save an annotation and return it as JSON; it is durable then.

        One that its author sends again, because no answer reached them, is returned as it is.

        Args:
            task: of which task.
            fields: as they came.
            user: who calls.
            is_admin: whether they may annotate in the name of another.

        Raises:
            AbsentError: there is no such task.
            DuplicateError: this unique_id is there already.
            ForbiddenError: it is said to be another's.
            FieldError: a field cannot be used.
        """
        row, save = self.saving(task, fields, user, is_admin=is_admin)
        try:
            return self.tell(self._backend.database.write(save))
        except DuplicateError as error:
            return self.sent(row, error)

    def sent(self, row: dict[str, Any], error: DuplicateError) -> bytes:
        """Return the annotation that was saved before under the same id, if it is the same.

        Raises:
            DuplicateError: another has that id.
        """
        sent = self._backend.database.read(lambda c: rows.find_unique(c, row["unique_id"]))
        mine = (row["task_id"], row["completed_by"])
        if sent is None or (sent.task_id, sent.completed_by) != mine:
            raise error
        return annotation_json(sent, self._users.people())

    def saving(
        self, task: int, fields: Fields, user: int, *, is_admin: bool = False
    ) -> tuple[dict[str, Any], Callable[[Connection], Row[Any]]]:
        """Return an annotation's row, and what writes it in a transaction. See `create`."""
        now = self._backend.now()
        row = annotation_row(fields, now)
        row["task_id"] = task
        row["completed_by"] = self._annotator(fields, user, is_admin=is_admin)
        row["created_at"] = row["updated_at"] = now
        row["updated_by"] = user
        row["last_action"] = row["last_action"] or (
            "skipped" if row["was_cancelled"] else "submitted"
        )

        def save(c: Connection) -> Row[Any]:
            before = task_rows.held_flags(c, task)
            if before is None:
                raise AbsentError("task", task)
            row["project_id"] = before.project_id
            if row["parent_prediction"] is not None and row["prediction"] == "{}":
                row["prediction"] = _snapshot(c, row["parent_prediction"])
            return self._write(c, row, before, user, now)

        return row, save

    def tell(self, row: Row[Any]) -> bytes:
        """Tell who listens of an annotation that is durable, and return it as JSON."""
        self._backend.saved(_event("created", row))
        return annotation_json(row, self._users.people())

    def _write(
        self, c: Connection, row: dict[str, Any], before: Any, user: int, now: str
    ) -> Row[Any]:
        from sqlalchemy.exc import IntegrityError

        try:
            made = saving.add(c, row, user)
        except IntegrityError as error:
            raise DuplicateError(row["unique_id"]) from error
        saving.refresh(
            c,
            row["task_id"],
            before,
            user=user,
            now=now,
            annotations=1,
            cancelled=int(row["was_cancelled"]),
            ground_truth=int(row["ground_truth"]),
        )
        self._backend.record(c, "ANNOTATION_CREATED", made.project_id, [made.id])
        return made

    def get(self, number: int) -> bytes:
        """Return an annotation as JSON.

        Raises:
            AbsentError: there is none.
        """
        row = self._backend.database.read(lambda c: rows.find(c, number))
        if row is None:
            raise AbsentError("annotation", number)
        return annotation_json(row, self._users.people())

    def list(self, task: int) -> bytes:
        """Return the annotations of a task as a JSON list.

        Raises:
            AbsentError: there is no such task.
        """

        def read(c: Connection) -> list[Row[Any]]:
            if task_rows.flags(c, task) is None:
                raise AbsentError("task", task)
            return rows.for_tasks(c, [task]).get(task, [])

        people = self._users.people()
        return joined(annotation_json(row, people) for row in self._backend.database.read(read))

    def change(self, number: int, fields: Fields, user: int, *, is_admin: bool = False) -> bytes:
        """Change an annotation and return it as JSON.

        Raises:
            AbsentError: there is none.
            ForbiddenError: it is said to be another's.
            FieldError: a field cannot be used.
        """
        now = self._backend.now()
        values: dict[str, Any] = {
            name: parse(fields, now) for name, parse in PARSERS.items() if name in fields
        }
        if "completed_by" in values:
            values["completed_by"] = self._annotator(fields, user, is_admin=is_admin)
        if "result" in fields:
            values["result"], values["result_count"] = fields.regions()
        extra = fields.rest(ANNOTATION)
        if extra is not None:
            values["extra"] = extra
        values.setdefault("last_action", "updated")
        values |= {"updated_at": now, "updated_by": user}
        row = self._backend.database.write(lambda c: self._rewrite(c, number, values, user, now))
        self._backend.saved(_event("updated", row))
        return annotation_json(row, self._users.people())

    def _rewrite(
        self, c: Connection, number: int, values: dict[str, Any], user: int, now: str
    ) -> Row[Any]:
        old = rows.find(c, number)
        if old is None:
            raise AbsentError("annotation", number)
        before = task_rows.held_flags(c, old.task_id)
        assert before is not None
        rows.change(c, number, values)
        rows.drop_drafts(c, old.task_id, user, number)
        found = rows.find(c, number)
        assert found is not None
        saving.refresh(
            c,
            old.task_id,
            before,
            user=user,
            now=now,
            cancelled=int(found.was_cancelled) - int(old.was_cancelled),
            ground_truth=int(found.ground_truth) - int(old.ground_truth),
        )
        self._backend.record(c, "ANNOTATION_UPDATED", old.project_id, [number])
        return found

    def remove(self, number: int, user: int) -> None:
        """Delete an annotation.

        Raises:
            AbsentError: there is none.
        """
        now = self._backend.now()

        def write(c: Connection) -> Row[Any]:
            old = rows.find(c, number)
            if old is None:
                raise AbsentError("annotation", number)
            before = task_rows.held_flags(c, old.task_id)
            assert before is not None
            rows.remove(c, number)
            saving.refresh(
                c,
                old.task_id,
                before,
                user=user,
                now=now,
                annotations=-1,
                cancelled=-int(old.was_cancelled),
                ground_truth=-int(old.ground_truth),
            )
            self._backend.record(c, "ANNOTATIONS_DELETED", old.project_id, [number])
            return old

        self._backend.saved(_event("deleted", self._backend.database.write(write)))

    def _annotator(self, fields: Fields, user: int, *, is_admin: bool) -> int:
        who = fields.optional("completed_by", int)
        if who is None or who == user:
            return user
        if not is_admin:
            raise ForbiddenError(
                "an annotation cannot be saved in another's name",
                why=f"completed_by is {who}, and the caller is {user}",
                fix="leave completed_by out, or use a token with the role admin",
            )
        self._users.get(who)
        return who


def _event(action: str, row: Row[Any]) -> Saved:
    return Saved(
        action=action,
        project=row.project_id,
        task=row.task_id,
        annotation=row.id,
        user=row.completed_by,
        result=row.result,
        was_cancelled=row.was_cancelled,
        ground_truth=row.ground_truth,
        lead_time=row.lead_time,
    )


def _snapshot(c: Connection, number: int) -> str:
    """Return a prediction as it is now, for the annotation that starts from it."""
    row = prediction_rows.find(c, number)
    if row is None:
        return "{}"
    said = {
        "id": row.id,
        "result": msgspec.Raw(row.result),
        "model_version": row.model_version,
        "score": row.score,
        "created_at": row.created_at,
    }
    return msgspec.json.encode(said).decode()
