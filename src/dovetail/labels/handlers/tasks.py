"""Tasks: pages of them, one of them, changes to them."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.handlers import filters
from dovetail.labels.handlers.bookmarks import Bookmarks
from dovetail.labels.handlers.fields import Fields
from dovetail.labels.handlers.importing import Importing
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.handlers.reading import TASK
from dovetail.labels.handlers.shapes import draft_json, joined, task_json
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import projects as project_rows
from dovetail.labels.store import tasks as rows
from dovetail.labels.store.tables import tasks as table

__all__ = ["Page", "Tasks"]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the tasks that were asked for.

    Attributes:
        tasks: JSON list.
        total: how many there are in all.
        total_annotations: of all of them.
        total_predictions: of all of them.
    """

    tasks: msgspec.Raw
    total: int
    total_annotations: int
    total_predictions: int


class Tasks:
    """Tasks.

    Args:
        backend: the surroundings.
        projects: what they belong to.
        users: who annotates.
        importing: makes them.
    """

    def __init__(
        self, backend: Backend, projects: Projects, users: Users, importing: Importing
    ) -> None:
        self._backend, self._projects = backend, projects
        self._users, self._importing = users, importing
        self._bookmarks = Bookmarks()

    def page(
        self,
        project: int | None,
        user: int,
        *,
        number: int = 1,
        size: int = 100,
        is_whole: bool = True,
        query: filters.Query | None = None,
    ) -> Page:
        """Return a page of tasks.

        Args:
            project: whose; None for those of all.
            user: who asks: whose drafts are shown.
            number: of the page, from 1.
            size: tasks of a page.
            is_whole: whether with annotations, predictions and drafts.
            query: which tasks, in which order; None for all by id.

        Raises:
            AbsentError: there is no such project, or no such page.
        """
        size = min(max(1, size), self._backend.settings.max_page)
        asked = query or filters.Query()
        where = [] if project is None else [table.c.project_id == project]

        def read(c: Connection) -> Page:
            row = None if project is None else self._projects.row(project, c)
            picked = filters.compile_query(asked, c.dialect.name)
            wanted = [*where, *picked.where]
            if row is not None and not picked.where:
                totals = (row.tasks, row.annotations - row.cancelled, row.predictions)
            else:
                totals = rows.totals(c, wanted)
            offset = (number - 1) * size
            if number < 1 or (offset >= max(1, totals[0])):
                raise AbsentError("page", number)
            if row is None or asked != filters.Query():
                ids = rows.page_ids(c, wanted, picked.order, limit=size, offset=offset)
                found = rows.find_many(c, ids, user)
            else:
                found = self._page_of(c, row, user, number, size)
            shown = self._shown(c, found, user) if is_whole else self._bare(found)
            return Page(
                tasks=msgspec.Raw(shown),
                total=totals[0],
                total_annotations=totals[1],
                total_predictions=totals[2],
            )

        return self._backend.database.read(read)

    def _page_of(
        self, c: Connection, row: Row[Any], user: int, number: int, size: int
    ) -> list[Row[Any]]:
        """Return a page of all tasks of a project."""
        key, state = (row.id, size, number), (row.tasks, row.last_inner_id)
        after, offset = self._bookmarks.before(key, state), 0
        if after is None:
            after, offset = 0, (number - 1) * size
        found = rows.page(c, row.id, user, after=after, limit=size, offset=offset)
        if len(found) == size:
            self._bookmarks.note(key, state, found[-1].id)
        return found

    def get(self, number: int, user: int, *, opens: bool = False) -> bytes:
        """Return a task with all that was said of it, as JSON.

        Args:
            number: its id.
            user: who asks: whose drafts are shown.
            opens: whether they look at it, and models are asked where none said anything yet.

        Raises:
            AbsentError: there is none.
        """

        def read(c: Connection) -> tuple[Row[Any], bytes]:
            row = rows.find_for(c, number, user)
            if row is None:
                raise AbsentError("task", number)
            return row, self._shown(c, [row], user)[1:-1]

        row, shown = self._backend.database.read(read)
        asks = opens and not row.total_predictions
        if asks and self._backend.opened(row.project_id, [number], is_next=False):
            return self.get(number, user)
        return shown

    def create(self, project: int, body: bytes, user: int) -> bytes:
        """Make one task and return it as JSON.

        Raises:
            AbsentError: there is no such project.
            TasksError: its data cannot be used.
        """
        report = self._importing.run(project, body, user, wants_ids=True)
        assert isinstance(report.task_ids, list)
        return self.get(report.task_ids[0], user)

    def change(self, number: int, fields: Fields, data: Any, user: int) -> bytes:
        """Change a task and return it as JSON.

        Args:
            number: its id.
            fields: as they came.
            data: its new data, parsed; None where that stays.
            user: who changes it.

        Raises:
            AbsentError: there is none.
            FieldError: a field cannot be used.
        """
        values: dict[str, Any] = {"updated_at": self._backend.now(), "updated_by": user}
        if "data" in fields:
            if not isinstance(data, dict):
                raise FieldError("data must be an object", "data")
            values["data"] = fields.text("data", "{}")
        if "meta" in fields:
            values["meta"] = fields.text("meta", "{}")
        if "allow_skip" in fields:
            values["allow_skip"] = fields.take("allow_skip", bool, True)
        extra = fields.rest(TASK)
        if extra is not None:
            values["extra"] = extra

        def write(c: Connection) -> int:
            row = rows.find(c, number)
            if row is None:
                raise AbsentError("task", number)
            if "data" in values:
                self._check(c, row, data)
            rows.change(c, number, values)
            return int(row.project_id)

        project = self._backend.database.write(write)
        self._backend.changed(Changed("TASKS_UPDATED", project, [number]))
        return self.get(number, user)

    def remove(self, number: int) -> None:
        """Delete a task and all that was said of it.

        Raises:
            AbsentError: there is none.
        """

        def write(c: Connection) -> int:
            row = rows.find(c, number)
            if row is None:
                raise AbsentError("task", number)
            rows.remove(c, row.project_id, [number])
            self._backend.record(c, "TASKS_DELETED", row.project_id, [number])
            return int(row.project_id)

        project = self._backend.database.write(write)
        self._backend.changed(Changed("TASKS_DELETED", project, [number]))

    def remove_many(self, project: int, numbers: Sequence[int]) -> int:
        """Delete tasks of a project and return how many there were."""

        def write(c: Connection) -> int:
            gone = rows.remove(c, project, numbers)
            if gone:
                self._backend.record(c, "TASKS_DELETED", project, numbers)
            return gone

        gone = self._backend.database.write(write)
        if gone:
            self._backend.changed(Changed("TASKS_DELETED", project, numbers))
        return gone

    def select(self, project: int, query: filters.Query) -> list[int]:
        """Return the ids of the tasks of a project that a query means."""

        def read(c: Connection) -> list[int]:
            picked = filters.compile_query(query, c.dialect.name)
            wanted = [table.c.project_id == project, *picked.where]
            statement = sa.select(table.c.id).where(*wanted).order_by(*picked.order, table.c.id)
            return [int(row[0]) for row in c.execute(statement)]

        return self._backend.database.read(read)

    def _check(self, c: Connection, row: Row[Any], data: Any) -> None:
        from dovetail.labels.handlers.configs import config_of

        project = project_rows.find(c, row.project_id)
        assert project is not None
        missing = config_of(project.label_config).missing_fields(data)
        if missing:
            names = ", ".join(f'"{name}"' for name in missing)
            raise FieldError(f"{names} key is expected in task data", "data")

    def _shown(self, c: Connection, found: Sequence[Row[Any]], user: int) -> bytes:
        people, emails = self._users.people(), self._users.emails
        annotated = [row.id for row in found if row.total_annotations or row.cancelled_annotations]
        annotations = annotation_rows.for_tasks(c, annotated) if annotated else {}
        predicted = [row.id for row in found if row.total_predictions]
        predictions = prediction_rows.for_tasks(c, predicted) if predicted else {}
        begun = [row.id for row in found if row.has_drafts]
        drafts = annotation_rows.drafts_of(c, begun, user=user) if begun else {}
        return joined(
            task_json(
                row,
                people,
                annotations.get(row.id, ()),
                predictions.get(row.id, ()),
                joined(draft_json(one, people, emails) for one in drafts.get(row.id, ())),
            )
            for row in found
        )

    def _bare(self, found: Sequence[Row[Any]]) -> bytes:
        people = self._users.people()
        return joined(task_json(row, people) for row in found)
