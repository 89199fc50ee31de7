"""Predictions: what machines say of tasks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection, Row

from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.handlers.fields import Fields
from dovetail.labels.handlers.reading import PREDICTION, prediction_row
from dovetail.labels.handlers.shapes import joined, prediction_json
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import ids
from dovetail.labels.store import predictions as rows
from dovetail.labels.store import tasks as task_rows
from dovetail.labels.store.tables import predictions as table

__all__ = ["Predictions"]

MOST = 100_000


class Predictions:
    """What machines say.

    Args:
        backend: the surroundings.
        users: how people are called beside them.
    """

    def __init__(self, backend: Backend, users: Users) -> None:
        self._backend, self._users = backend, users

    def create(self, fields: Fields) -> bytes:
        """Save a prediction and return it as JSON.

        Raises:
            AbsentError: there is no such task.
            FieldError: a field cannot be used.
        """
        task = fields.optional("task", int)
        if task is None:
            raise FieldError("This field is required", "task")
        if "result" not in fields:
            raise FieldError("This field is required", "result")
        row = {**prediction_row(fields, self._backend.now()), "task_id": task}
        if "model_version" not in fields:
            row["model_version"] = ""
        number = self.add([row])[0]
        return self.get(number)

    def load(self, project: int, found: Sequence[Fields]) -> int:
        """Save predictions that each name their task and return how many they were.

        Raises:
            AbsentError: a task is not there.
            FieldError: a field cannot be used, or a task is in another project.
        """
        now, said = self._backend.now(), []
        for index, fields in enumerate(found):
            task = fields.optional("task", int)
            if task is None:
                raise FieldError(f"prediction {index} names no task", "task")
            said.append({**prediction_row(fields, now), "task_id": task})
        return len(self.add(said, project))

    def add(self, said: Sequence[dict[str, Any]], project: int | None = None) -> list[int]:
        """Save predictions in one transaction and return their ids.

        Args:
            said: rows with `task_id`.
            project: in which all tasks must be; None for that of the first.

        Raises:
            AbsentError: a task is not there.
        """
        if not said:
            return []
        tasks = list(dict.fromkeys(row["task_id"] for row in said))

        def write(c: Connection) -> tuple[int, list[int]]:
            found = {row.id: row for row in task_rows.find_many(c, tasks)}
            missing = next((number for number in tasks if number not in found), None)
            if missing is not None:
                raise AbsentError("task", missing)
            home = project if project is not None else found[tasks[0]].project_id
            strange = next((n for n in tasks if found[n].project_id != home), None)
            if strange is not None:
                raise FieldError(f"task {strange} is not in project {home}", "task")
            task_rows.hold(c, tasks)
            numbers = ids.take(c, table, len(said))
            rows.add(
                c,
                [
                    {**row, "id": number, "project_id": home}
                    for number, row in zip(numbers, said, strict=True)
                ],
            )
            rows.refresh(c, home, tasks, by=len(said))
            return home, numbers

        home, numbers = self._backend.database.write(write)
        self._backend.changed(Changed("PREDICTIONS_CREATED", home, numbers))
        return numbers

    def get(self, number: int) -> bytes:
        """Return a prediction as JSON.

        Raises:
            AbsentError: there is none.
        """
        row = self._backend.database.read(lambda c: rows.find(c, number))
        if row is None:
            raise AbsentError("prediction", number)
        return prediction_json(row, self._users.people())

    def list(self, *, task: int | None = None, project: int | None = None) -> bytes:
        """Return predictions as a JSON list."""
        found = self._backend.database.read(
            lambda c: rows.list_some(c, task=task, project=project, limit=MOST)
        )
        people = self._users.people()
        return joined(prediction_json(row, people) for row in found)

    def change(self, number: int, fields: Fields) -> bytes:
        """Change a prediction and return it as JSON.

        Raises:
            AbsentError: there is none.
            FieldError: a field cannot be used.
        """
        now = self._backend.now()
        given = prediction_row(fields, now)
        values = {name: given[name] for name in given if name in fields}
        values |= {"updated_at": now}
        extra = fields.rest(PREDICTION)
        if extra is not None:
            values["extra"] = extra

        def write(c: Connection) -> None:
            row = self._row(c, number)
            task_rows.hold(c, [row.task_id])
            rows.change(c, number, values)
            rows.refresh(c, row.project_id, [row.task_id], by=0)

        self._backend.database.write(write)
        return self.get(number)

    def remove(self, number: int) -> None:
        """Delete a prediction.

        Raises:
            AbsentError: there is none.
        """

        def write(c: Connection) -> None:
            row = self._row(c, number)
            task_rows.hold(c, [row.task_id])
            rows.remove(c, number)
            rows.refresh(c, row.project_id, [row.task_id], by=-1)

        self._backend.database.write(write)

    def _row(self, c: Connection, number: int) -> Row[Any]:
        row = rows.find(c, number)
        if row is None:
            raise AbsentError("prediction", number)
        return row
