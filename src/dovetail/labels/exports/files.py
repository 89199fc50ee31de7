"""Label Studio's own export snapshots, at `/api/projects/{project}/exports`.

They have a number and filters, but neither versions nor labels that were decided on: those are our
snapshots. They are here for scripts that make an export, ask until it is done, and fetch it.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, Literal
from uuid import uuid4

import msgspec
from sqlalchemy.engine import Connection, Row

from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.formats import FORMATS, convert, offered
from dovetail.labels.formats.streams import gathered
from dovetail.labels.handlers.converting import Download
from dovetail.labels.handlers.exporting import Exporting
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.handlers.uploads import Uploads
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import exports as rows
from dovetail.labels.store import predictions as prediction_rows

__all__ = ["ExportFiles", "MakeExport"]

FOLDER = "exports"
Which = Literal["only", "exclude"]
Task = dict[str, Any]


class TaskFilter(msgspec.Struct, frozen=True):
    """Which tasks; None: all the same."""

    skipped: Which | None = None
    finished: Which | None = None
    annotated: Which | None = None
    only_with_annotations: bool | None = False


class AnnotationFilter(msgspec.Struct, frozen=True):
    """Which annotations; none of them chosen means all."""

    usual: bool | None = True
    ground_truth: bool | None = None
    skipped: bool | None = None


class OnlyId(msgspec.Struct, frozen=True):
    """Whether a part is its number only."""

    only_id: bool | None = False


class Serialization(msgspec.Struct, frozen=True):
    """How parts are written; those that are not named are their numbers."""

    predictions: OnlyId | None = None
    annotations__completed_by: OnlyId | None = None


class MakeExport(msgspec.Struct, frozen=True):
    """Make an export."""

    title: str = ""
    task_filter_options: TaskFilter | None = None
    annotation_filter_options: AnnotationFilter | None = None
    serialization_options: Serialization | None = None


class ExportFiles:
    """Label Studio's export snapshots.

    Args:
        backend: the surroundings.
        projects: of what.
        exporting: gives the tasks.
        users: who asks.
        uploads: gives pictures.
    """

    def __init__(
        self,
        backend: Backend,
        projects: Projects,
        exporting: Exporting,
        users: Users,
        uploads: Uploads,
    ) -> None:
        self._backend, self._projects, self._uploads = backend, projects, uploads
        self._exporting, self._users = exporting, users
        backend.on_changed.append(self._forget)

    def make(self, project: int, asked: MakeExport, user: int) -> dict[str, Any]:
        """Make an export; it is complete when this returns.

        Raises:
            AbsentError: there is no such project.
        """
        row = self._projects.row(project)
        began, now = self._backend.now(), self._backend.clock.now()
        path = f"{FOLDER}/{project}/{uuid4().hex}.json"
        digest, count = hashlib.md5(usedforsecurity=False), [0]

        def parts(c: Connection) -> Iterator[bytes]:
            yield b"["
            for task in self._chosen(c, project, asked):
                yield (b"," if count[0] else b"") + task
                count[0] += 1
            yield b"]"

        def hashed(c: Connection) -> Iterator[bytes]:
            for part in gathered(parts(c)):
                digest.update(part)
                yield part

        with self._backend.database.reading() as c:
            self._backend.files.put(path, hashed(c))
        title = asked.title or f"{row.title.replace(' ', '-')}-at-{now:%Y-%m-%d-%H-%M}"
        values = {
            "project_id": project, "title": title, "path": path, "md5": digest.hexdigest(),
            "task_number": count[0], "created_by": user, "created_at": began,
            "finished_at": self._backend.now(),
        }  # fmt: skip
        made = self._backend.database.write(lambda c: rows.add(c, values))
        return self._shown(made, [])

    def _chosen(self, c: Connection, project: int, asked: MakeExport) -> Iterator[bytes]:
        finished = asked.task_filter_options is not None and asked.task_filter_options.finished
        labeled = rows.labeled(c, project) if finished else frozenset()
        tests = _tests(asked.task_filter_options, labeled)
        keeps = _keeps(asked.annotation_filter_options)
        change = self._changes(c, asked.serialization_options)
        plain = not tests and keeps is None and change is None
        for chunk in self._exporting.tasks(c, project, every=True):
            if plain:
                yield from chunk
                continue
            tasks = [msgspec.json.decode(line) for line in chunk]
            tasks = [task for task in tasks if all(test(task) for test in tests)]
            if keeps is not None:
                for task in tasks:
                    task["annotations"] = [one for one in task["annotations"] if keeps(one)]
            if change is not None:
                change(tasks)
            yield from map(msgspec.json.encode, tasks)

    def _changes(
        self, c: Connection, asked: Serialization | None
    ) -> Callable[[list[Task]], None] | None:
        """What is written in full in place of its number."""
        predictions = asked is not None and asked.predictions is not None
        people = asked is not None and asked.annotations__completed_by is not None
        if asked is not None and asked.predictions is not None and asked.predictions.only_id:
            predictions = False
        if asked is not None and asked.annotations__completed_by is not None:
            people = not asked.annotations__completed_by.only_id
        if not predictions and not people:
            return None

        def change(tasks: list[Task]) -> None:
            if predictions:
                found = prediction_rows.for_tasks(c, [task["id"] for task in tasks])
                for task in tasks:
                    task["predictions"] = [_prediction(row) for row in found.get(task["id"], ())]
            if people:
                for one in (one for task in tasks for one in task["annotations"]):
                    who = one.get("completed_by")
                    if isinstance(who, int):
                        one["completed_by"] = msgspec.to_builtins(self._users.simple(who))

        return change

    def _row(self, project: int, number: int) -> Row[Any]:
        self._projects.row(project)
        row = self._backend.database.read(lambda c: rows.find(c, project, number))
        if row is None:
            raise AbsentError("export", number)
        return row

    def get(self, project: int, number: int) -> dict[str, Any]:
        """One export.

        Raises:
            AbsentError: there is none.
        """
        row = self._row(project, number)
        formats = self._backend.database.read(lambda c: rows.formats_of(c, [number]))
        return self._shown(row, formats.get(number, []))

    def listed(self, project: int) -> list[dict[str, Any]]:
        """The newest exports of a project.

        Raises:
            AbsentError: there is no such project.
        """
        self._projects.row(project)

        def look(c: Connection) -> tuple[list[Row[Any]], dict[int, list[Row[Any]]]]:
            found = rows.listed(c, project)
            return found, rows.formats_of(c, [row.id for row in found])

        found, formats = self._backend.database.read(look)
        return [self._shown(row, formats.get(row.id, [])) for row in found]

    def remove(self, project: int, number: int) -> None:
        """Delete an export.

        Raises:
            AbsentError: there is none.
        """
        row = self._row(project, number)
        self._backend.database.write(lambda c: rows.remove(c, number))
        self._backend.files.delete(row.path)

    def convert(self, project: int, number: int, name: str) -> dict[str, Any]:
        """Say that an export is wanted in a format; it is made when it is fetched.

        Raises:
            AbsentError: there is no such export.
            FieldError: the format is unknown, or does not fit the label config.
        """
        self._row(project, number)
        able = [one["name"] for one in self._offered(project)]
        if name not in able:
            raise FieldError(
                f"{name} is not supported export format", "export_type",
                fix=f"take one of {', '.join(able)}",
            )  # fmt: skip
        made = self._backend.database.write(lambda c: rows.add_format(c, number, name))
        return {"export_type": name, "converted_format": made}

    def _offered(self, project: int) -> list[dict[str, Any]]:
        return [one for one in offered(self._projects.config(project)) if not one.get("disabled")]

    def download(
        self, project: int, number: int, name: str, *, resources: bool = False
    ) -> Download:
        """The file of an export, in a format.

        Args:
            project: Of which project.
            number: Of the export.
            name: Of the format.
            resources: Whether a format packs pictures that need not.

        Raises:
            AbsentError: there is no such export.
            FieldError: the format is unknown, or does not fit the label config.
        """
        row = self._row(project, number)
        known = FORMATS.get(name.upper())
        if known is None or known.name not in [one["name"] for one in self._offered(project)]:
            raise FieldError(f"{name} is not supported export format", "exportType")
        called = f"project-{project}-at-{row.created_at[:16].replace('T', '-').replace(':', '-')}"
        called += f"-{row.md5[:8]}.{known.suffix}"
        if known.name == "JSON":
            return Download(called, known.media_type, self._backend.files.open(row.path))
        tasks = msgspec.json.decode(b"".join(self._backend.files.open(row.path)))
        config, moment = self._projects.config(project), self._backend.clock.now()
        packs = known.packs == "always" or resources
        pictures = self._uploads.pictures(project) if packs else None
        made = convert(name, tasks, config, moment, pictures)
        return Download(called, known.media_type, made.parts)

    def _shown(self, row: Row[Any], formats: list[Row[Any]]) -> dict[str, Any]:
        return {
            "title": row.title,
            "id": row.id,
            "created_by": self._users.simple(row.created_by),
            "created_at": row.created_at,
            "finished_at": row.finished_at,
            "status": "completed",
            "md5": row.md5,
            "counters": {"task_number": row.task_number},
            "converted_formats": [
                {"id": one.id, "status": "completed", "export_type": one.export_type,
                 "traceback": None}
                for one in formats
            ],
        }  # fmt: skip

    def _forget(self, change: Changed) -> None:
        if change.action == "PROJECT_DELETED":
            self._backend.files.delete(f"{FOLDER}/{change.project}")


Test = Callable[[Mapping[str, Any]], bool]


def _tests(asked: TaskFilter | None, labeled: Collection[int]) -> list[Test]:
    """What a task has to pass; `labeled` are those with enough annotations."""
    if asked is None:
        return []
    known: list[tuple[Which | None, Test]] = [
        (asked.skipped, lambda task: any(one["was_cancelled"] for one in task["annotations"])),
        (
            asked.annotated,
            lambda task: any(not one["was_cancelled"] for one in task["annotations"]),
        ),
        (asked.finished, lambda task: task["id"] in labeled),
        ("only" if asked.only_with_annotations else None, lambda task: bool(task["annotations"])),
    ]
    return [partial(_passes, test, which) for which, test in known if which is not None]


def _any(task: Mapping[str, Any], *, was_cancelled: bool) -> bool:
    return any(one["was_cancelled"] is was_cancelled for one in task["annotations"])


def _passes(test: Test, which: Which, task: Mapping[str, Any]) -> bool:
    return test(task) == (which == "only")


def _keeps(asked: AnnotationFilter | None) -> Test | None:
    if asked is None or not (asked.usual or asked.ground_truth or asked.skipped):
        return None

    def keeps(one: Mapping[str, Any]) -> bool:
        is_usual = not one["was_cancelled"] and not one["ground_truth"]
        return bool(
            (asked.usual and is_usual)
            or (asked.ground_truth and one["ground_truth"])
            or (asked.skipped and one["was_cancelled"])
        )

    return keeps


def _prediction(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "task": row.task_id,
        "project": row.project_id,
        "model_version": row.model_version,
        "score": row.score,
        "result": msgspec.Raw(row.result.encode()),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
