"""Imports: many tasks in one request, all of them or none."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError

from dovetail.base import telemetry
from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import AbsentError, TasksError
from dovetail.labels.handlers.fields import Fields, checked_json
from dovetail.labels.handlers.projects import Projects, options_of
from dovetail.labels.handlers.reading import Reader
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import projects as project_rows
from dovetail.labels.store import users as user_rows
from dovetail.labels.store.importing import Batch, write
from dovetail.labels.store.statistics import learn
from dovetail.wire.label_studio.entities import ImportReport

__all__ = ["Importing"]

log = telemetry.logger("labels")
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


class Importing:
    """Imports.

    Args:
        backend: the surroundings.
        projects: where to.
        users: who annotated.
    """

    def __init__(self, backend: Backend, projects: Projects, users: Users) -> None:
        self._backend, self._projects, self._users = backend, projects, users

    def run(
        self,
        project: int,
        body: bytes,
        user: int,
        *,
        wants_ids: bool = False,
        commits: bool = True,
        preannotated: Sequence[str] = (),
        source: str | None = None,
    ) -> ImportReport:
        """Import tasks from JSON.

        Args:
            project: where to.
            body: a task or a list of tasks, with or without `data` around their fields.
            user: who imports.
            wants_ids: whether to say what the tasks are numbered.
            commits: whether to write; else everything is checked only.
            preannotated: fields that hold predictions.
            source: name of the file that they came in.

        Raises:
            AbsentError: there is no such project.
            TasksError: some cannot be used; nothing is written.
        """
        began = time.perf_counter()
        row = self._projects.row(project)
        config = self._projects.config(project)
        values, found = self._objects(body)
        reader = Reader(config, user, self._backend.now())
        batch = reader.read(found, values, source)
        if preannotated:
            from dovetail.labels.handlers.preannotated import add_predictions

            add_predictions(batch, values, preannotated, config, self._backend.now())
        numbers = self._commit(project, batch, row) if commits else []
        report = ImportReport(
            task_count=len(batch.tasks),
            annotation_count=len(batch.annotations) if commits else None,
            prediction_count=len(batch.predictions) if commits else None,
            duration=time.perf_counter() - began,
            file_upload_ids=[],
            could_be_tasks_list=False,
            found_formats=[],
            data_columns=reader.columns,
        )
        return msgspec.structs.replace(report, task_ids=numbers) if wants_ids else report

    def _objects(self, body: bytes) -> tuple[list[Any], list[Fields]]:
        value = checked_json(body)
        if isinstance(value, dict):
            value, body = [value], b"[" + body + b"]"
        if not isinstance(value, list) or not value:
            raise TasksError("there are no tasks in the body", fix="send a list of objects")
        if len(value) > self._backend.settings.max_tasks:
            raise TasksError(
                f"{len(value)} tasks are more than the {self._backend.settings.max_tasks} allowed",
                fix="send them in parts, or raise [labels] max_tasks",
            )
        try:
            return value, [Fields(one) for one in _OBJECTS.decode(body)]
        except msgspec.ValidationError as error:
            raise TasksError(f"every task is an object: {error}") from error

    def _commit(self, project: int, batch: Batch, row: Any) -> list[int]:
        now = self._backend.now()

        def store(c: Any) -> list[int] | None:
            numbers = write(c, project, batch, now)
            if numbers and batch.last_version:
                options = options_of(row)
                if not options.get("model_version"):
                    options["model_version"] = batch.last_version
                    text = msgspec.json.encode(options).decode()
                    project_rows.change(c, project, {"options": text})
            if numbers:
                self._backend.record(c, "TASKS_CREATED", project, numbers)
            return numbers

        numbers = self._backend.database.write(store)
        if numbers is None:
            raise AbsentError("project", project)
        self._learn(batch)
        if batch.emails or batch.numbers:
            self._users.keep_all(self._backend.database.read(user_rows.every))
        self._backend.changed(Changed("TASKS_CREATED", project, numbers))
        return numbers

    def _learn(self, batch: Batch) -> None:
        came = {
            "tasks": len(batch.tasks),
            "annotations": len(batch.annotations),
            "predictions": len(batch.predictions),
        }
        try:
            self._backend.database.read(lambda c: learn(c, came))
        except DBAPIError as error:  # what was imported is there; it is found more slowly
            log.warning("the tables were not analyzed after an import", error=str(error.orig))
