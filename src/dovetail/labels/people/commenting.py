"""Comments on tasks and answers, in the shape of Label Studio's `/api/comments`."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.base.errors import InvalidInputError
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.people import records
from dovetail.labels.people.room import Room
from dovetail.labels.people.tables import comments as table
from dovetail.labels.store import tables as t

__all__ = ["Comment", "Comments", "NewComment"]

_LONGEST = 20_000
_MOST = 1000


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment, as Label Studio shows it."""

    id: int
    text: str
    project: int
    task: int
    annotation: int | None
    draft: int | None
    created_by: Any
    created_at: str
    updated_at: str
    is_resolved: bool
    resolved_at: str | None
    region_ref: Any
    classifications: Any


class NewComment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment that is to be kept; on an annotation, a draft, or a task as a whole."""

    text: str = ""
    annotation: int | None = None
    draft: int | None = None
    task: int | None = None
    is_resolved: bool = False
    region_ref: Any = None
    classifications: Any = None


class Comments:
    """Comments.

    Args:
        room: The surroundings.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    def place(self, wanted: NewComment) -> tuple[int, int]:
        """Return the project and the task of what is commented on.

        Raises:
            FieldError: nothing was named.
            AbsentError: it does not exist.
        """
        of: tuple[tuple[str, sa.Table, int | None], ...] = (
            ("annotation", t.annotations, wanted.annotation),
            ("draft", t.drafts, wanted.draft),
            ("task", t.tasks, wanted.task),
        )
        for kind, rows, number in of:
            if number is None:
                continue
            query: sa.Select[Any] = sa.select(t.tasks.c.project_id, t.tasks.c.id)
            query = query.where(rows.c.id == number)
            if kind != "task":
                query = query.join(rows, t.tasks.c.id == rows.c.task_id)
            row = self._first(query)
            if row is None:
                raise AbsentError(kind, number)
            return int(row[0]), int(row[1])
        raise FieldError("annotation, draft or task is required", "annotation")

    def _first(self, query: sa.Select[Any]) -> Any:
        return self._room.backend.database.read(lambda c: c.execute(query).first())

    def add(self, wanted: NewComment, user: int) -> Comment:
        """Keep a comment.

        Raises:
            FieldError: it says nothing, or nothing was named that it is about.
            AbsentError: that does not exist.
        """
        text = _text(wanted.text)
        project, task = self.place(wanted)
        now = self._room.backend.now()
        values = {
            "project": project, "task": task, "annotation": wanted.annotation,
            "draft": wanted.draft, "created_by": user, "text": text,
            "region_ref": _json(wanted.region_ref), "created_at": now, "updated_at": now,
            "classifications": _json(wanted.classifications),
            "resolved_at": now if wanted.is_resolved else None,
        }  # fmt: skip
        number = self._room.database.write(lambda c: records.append(c, table, values))
        self._count(task)
        return self.get(number)

    def get(self, number: int) -> Comment:
        """Return a comment.

        Raises:
            AbsentError: there is none.
        """
        query = sa.select(table).where(table.c.id == number)
        row = self._room.database.read(lambda c: c.execute(query).first())
        if row is None:
            raise AbsentError("comment", number)
        return _shown(row)

    def list(
        self,
        *,
        projects: Sequence[int] = (),
        annotation: int | None = None,
        draft: int | None = None,
        task: int | None = None,
        annotators: Sequence[int] = (),
        newest_first: bool = False,
    ) -> Sequence[Comment]:
        """Return comments, oldest first unless asked otherwise, a thousand at most."""
        where: list[Any] = []
        if projects:
            where.append(table.c.project.in_(projects))
        for column, value in ((table.c.annotation, annotation), (table.c.draft, draft)):
            if value is not None:
                where.append(column == value)
        if task is not None:
            where.append(table.c.task == task)
        if annotators:
            where.append(table.c.created_by.in_(annotators))
        order = table.c.id.desc() if newest_first else table.c.id
        query = sa.select(table).where(*where).order_by(order).limit(_MOST)
        return [_shown(row) for row in self._room.database.read(lambda c: list(c.execute(query)))]

    def change(self, number: int, values: Mapping[str, Any]) -> Comment:
        """Change a comment's text, place or state.

        Raises:
            AbsentError: there is none.
            FieldError: a field cannot be used.
        """
        old = self.get(number)
        now = self._room.backend.now()
        new: dict[str, Any] = {"updated_at": now}
        if "text" in values:
            new["text"] = _text(values["text"])
        if "is_resolved" in values:
            new["resolved_at"] = (old.resolved_at or now) if values["is_resolved"] else None
        for name in ("region_ref", "classifications"):
            if name in values:
                new[name] = _json(values[name])
        change = sa.update(table).where(table.c.id == number).values(new)
        self._room.database.write(lambda c: c.execute(change))
        self._count(old.task)
        return self.get(number)

    def remove(self, number: int) -> None:
        """Delete a comment.

        Raises:
            AbsentError: there is none.
        """
        old = self.get(number)
        delete = sa.delete(table).where(table.c.id == number)
        self._room.database.write(lambda c: c.execute(delete))
        self._count(old.task)

    def _count(self, task: int) -> None:
        """Keep a task's own counts of comments current."""
        query = sa.select(
            sa.func.count(),
            sa.func.count().filter(table.c.resolved_at.is_(None)),
            sa.func.max(table.c.updated_at),
        ).where(table.c.task == task)
        row = self._room.database.read(lambda c: c.execute(query).one())
        values = {
            "comment_count": row[0],
            "unresolved_comment_count": row[1],
            "last_comment_updated_at": row[2],
        }
        change = sa.update(t.tasks).where(t.tasks.c.id == task).values(values)
        self._room.backend.database.write(lambda c: c.execute(change))


def _text(said: Any) -> str:
    if not isinstance(said, str) or not said.strip():
        raise FieldError("This field may not be blank.", "text")
    if len(said) > _LONGEST:
        raise FieldError(f"a comment has {_LONGEST} characters at most", "text")
    return said


def _json(value: Any) -> str | None:
    if value is None:
        return None
    text = msgspec.json.encode(value).decode()
    if len(text) > _LONGEST:
        raise InvalidInputError("what a comment points at is too long")
    return text


def _shown(row: sa.Row[Any]) -> Comment:
    return Comment(
        id=row.id,
        text=row.text,
        project=row.project,
        task=row.task,
        annotation=row.annotation,
        draft=row.draft,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        is_resolved=row.resolved_at is not None,
        resolved_at=row.resolved_at,
        region_ref=msgspec.json.decode(row.region_ref) if row.region_ref else None,
        classifications=msgspec.json.decode(row.classifications) if row.classifications else None,
    )
