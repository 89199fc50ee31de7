"""The use cases of snapshots."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy.engine import Connection, Row

import dovetail
from dovetail.base import telemetry
from dovetail.base.errors import DovetailError, InvalidInputError
from dovetail.labels.backend import Backend, Changed, instant
from dovetail.labels.errors import AbsentError
from dovetail.labels.exports.comparing import compare, verify
from dovetail.labels.exports.making import Made, make
from dovetail.labels.exports.tables import table
from dovetail.labels.handlers.exporting import Exporting
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import snapshots as rows
from dovetail.wire.labels import Difference, MakeSnapshot, Snapshot, TableFormat, Verdict

__all__ = ["Snapshots"]

log = telemetry.logger("labels")
FOLDER = "snapshots"
_NAME = re.compile(r"[A-Za-z][\w.-]{0,99}")
_MOST = 10_000_000  # predictions of a project


class Snapshots:
    """Named, unchanging states of a project's labels.

    Args:
        backend: the surroundings.
        projects: of what.
        exporting: gives the tasks.
        users: who answered.
    """

    def __init__(
        self, backend: Backend, projects: Projects, exporting: Exporting, users: Users
    ) -> None:
        self._backend, self._projects = backend, projects
        self._exporting, self._users = exporting, users
        backend.on_changed.append(self._forget)

    def make(self, project: int, asked: MakeSnapshot, creator: str) -> tuple[Snapshot, bool]:
        """Make a snapshot.

        Args:
            project: of which project.
            asked: its name, and how answers are combined.
            creator: who makes it.

        Returns:
            The snapshot, and whether it is new: where nothing changed since the last one of that
            name, it is that one.

        Raises:
            AbsentError: there is no such project.
            InvalidInputError: the name or the model is none.
        """
        if not _NAME.fullmatch(asked.name):
            raise InvalidInputError(
                f"a snapshot cannot be called {asked.name!r}",
                fix="begin with a letter, go on with letters, digits, dots, dashes, underscores",
            )
        row = self._projects.row(project)
        folder, now = f"{FOLDER}/{project}/{uuid4().hex}", self._backend.now()
        self._backend.database.write(lambda c: rows.begin(c, folder, now))
        try:
            made = self._written(project, folder, asked)
            found, is_new = self._noted(project, folder, asked, made, (row.title, creator))
        except BaseException:
            self._drop(folder)
            raise
        if not is_new:
            self._drop(folder)
        return found, is_new

    def _drop(self, folder: str) -> None:
        self._backend.files.delete(folder)
        self._backend.database.write(lambda c: rows.end(c, folder))

    def sweep(self) -> None:
        """Delete, in the background, what a server left that was killed while it made a snapshot.

        Where several servers may share the database, one of them may be making it right now, so
        only what is a day old is taken for left.
        """
        before = ""
        if self._backend.database.dialect != "sqlite":
            before = instant(self._backend.clock.now() - timedelta(days=1))
        left = self._backend.database.read(lambda c: rows.abandoned(c, before))
        if left:
            threading.Thread(
                target=self._sweep, args=(left,), name="labels-sweep", daemon=True
            ).start()

    def _sweep(self, folders: Sequence[str]) -> None:
        for folder in folders:
            try:
                self._drop(folder)
            except DovetailError as error:  # it is tried again at the next start
                log.warning("a left folder cannot be deleted", folder=folder, error=str(error))

    def _written(self, project: int, folder: str, asked: MakeSnapshot) -> Made:
        config = self._projects.config(project)
        with self._backend.database.reading() as c:
            chunks = self._exporting.tasks(c, project, every=True)
            return make(
                self._backend.files,
                folder,
                (task for chunk in chunks for task in chunk),
                config,
                names={user.id: user.email for user in self._users.list()},
                predictions=self._predictions(c, project) if asked.predictions else None,
                model=asked.model,
            )

    def _predictions(self, c: Connection, project: int) -> Mapping[int, Sequence[Any]]:
        found: dict[int, list[Any]] = {}
        for row in prediction_rows.list_some(c, task=None, project=project, limit=_MOST):
            found.setdefault(row.task_id, []).append(
                {
                    "id": row.id,
                    "model_version": row.model_version,
                    "created_at": row.created_at,
                    "result": msgspec.json.decode(row.result),
                }
            )
        return found

    def _noted(
        self,
        project: int,
        folder: str,
        asked: MakeSnapshot,
        made: Made,
        words: tuple[str, str],
    ) -> tuple[Snapshot, bool]:
        title, creator = words
        at = self._backend.now()
        manifest = Snapshot(
            id=0, name=asked.name, version=0, project=project, title=title, digest=made.digest,
            config_digest=made.config_digest, label_config=self._projects.config(project).xml,
            tasks=made.tasks, labels=made.labels, predictions=asked.predictions,
            controls=made.controls, files=made.files, created_at=at, created_by=creator,
            software=dovetail.__version__,
        )  # fmt: skip
        values = {
            "project_id": project, "name": asked.name, "digest": made.digest, "folder": folder,
            "created_by": creator, "created_at": at,
            "manifest": msgspec.json.encode(manifest).decode(),
        }  # fmt: skip

        def note(c: Connection) -> tuple[Row[Any], bool]:
            if not rows.hold(c, project):
                raise AbsentError("project", project)
            last = rows.latest(c, project, asked.name)
            if last is not None and last.digest == made.digest:
                return last, False
            rows.end(c, folder)
            return rows.add(c, values), True

        row, is_new = self._backend.database.write(note)
        return _snapshot(row), is_new

    def listed(self, project: int, name: str = "") -> list[Snapshot]:
        """The snapshots of a project, newest first.

        Raises:
            AbsentError: there is no such project.
        """
        self._projects.row(project)
        found = self._backend.database.read(lambda c: rows.listed(c, project, name))
        return [_snapshot(row) for row in found]

    def get(self, project: int, reference: str) -> Snapshot:
        """One snapshot, by "name", "name@version" or its number.

        Raises:
            AbsentError: there is none.
        """
        return self._found(project, reference)[0]

    def _found(self, project: int, reference: str) -> tuple[Snapshot, str]:
        name, _, version = reference.partition("@")

        def look(c: Connection) -> Row[Any] | None:
            if reference.isdecimal():
                return rows.find(c, project, int(reference))
            if version and not version.isdecimal():
                return None
            return rows.latest(c, project, name, int(version) if version else None)

        row = self._backend.database.read(look)
        if row is None:
            raise AbsentError("snapshot", f"{reference!r} of project {project}")
        return _snapshot(row), str(row.folder)

    def file(self, project: int, reference: str, name: str) -> Iterator[bytes]:
        """One of a snapshot's files.

        Raises:
            AbsentError: there is no such snapshot.
        """
        _, folder = self._found(project, reference)
        return self._backend.files.open(f"{folder}/{name}")

    def table(self, project: int, reference: str, format: TableFormat) -> Iterator[bytes]:
        """A row a task: its data, and each control's label.

        Raises:
            AbsentError: there is no such snapshot.
        """
        found, folder = self._found(project, reference)
        return table(self._backend.files, found, folder, format)

    def diff(self, project: int, before: str, after: str) -> Difference:
        """What changed from one snapshot to another.

        Raises:
            AbsentError: there is no such snapshot.
        """
        pair = self._found(project, before), self._found(project, after)
        return compare(self._backend.files, *pair)

    def verify(self, project: int, reference: str) -> Verdict:
        """Whether a snapshot is still what it was.

        Raises:
            AbsentError: there is none.
        """
        return verify(self._backend.files, *self._found(project, reference))

    def _forget(self, change: Changed) -> None:
        if change.action == "PROJECT_DELETED":
            self._backend.files.delete(f"{FOLDER}/{change.project}")


def _snapshot(row: Row[Any]) -> Snapshot:
    found = msgspec.json.decode(row.manifest, type=Snapshot)
    return msgspec.structs.replace(found, id=row.id, version=row.version)
