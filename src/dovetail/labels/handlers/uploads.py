"""Files that are uploaded: those that list tasks are read, those that are tasks are kept.

All files of a request are imported or none: what was kept is removed again where the tasks are
refused.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

import msgspec

from dovetail.base.artifacts import Stat
from dovetail.base.errors import DovetailError, InvalidInputError
from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import AbsentError, TasksError
from dovetail.labels.formats.reading import Intake, read, with_assets
from dovetail.labels.handlers.importing import Importing
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.store import uploads as rows
from dovetail.wire.label_studio.entities import ImportReport

__all__ = ["Uploads"]

ADDRESS = "/data/upload/"
FOLDER = "uploads"
_LISTS = (".csv", ".tsv", ".txt")
_UNSAFE = re.compile(r"[^\w. -]+")


class Uploads:
    """Files that came with imports.

    Args:
        backend: the surroundings.
        projects: where to.
        importing: takes the tasks.
    """

    def __init__(self, backend: Backend, projects: Projects, importing: Importing) -> None:
        self._backend, self._projects, self._importing = backend, projects, importing
        backend.on_changed.append(self._forget)

    def load(
        self,
        project: int,
        files: Sequence[tuple[str, bytes]],
        user: int,
        *,
        wants_ids: bool = False,
        commits: bool = True,
        preannotated: Sequence[str] = (),
    ) -> ImportReport:
        """Import files.

        Args:
            project: where to.
            files: name and content of each.
            user: who imports.
            wants_ids: whether to say what the tasks are numbered.
            commits: whether to write; else everything is checked only.
            preannotated: fields that hold predictions.

        Raises:
            AbsentError: there is no such project.
            TasksError: a file, or a task in it, cannot be used; nothing is written.
        """
        fields = self._projects.config(project).fields
        kept: list[str] = []
        try:
            tasks = []
            for name, content in files:
                intake = self._read(name, content, fields)
                tasks += intake.tasks
                if intake.assets:
                    tasks += with_assets(intake, fields[0], self._keep(project, intake, kept))
            report = self._importing.run(
                project,
                msgspec.json.encode(tasks),
                user,
                wants_ids=wants_ids,
                commits=commits,
                preannotated=preannotated,
                source=files[0][0] if len(files) == 1 else None,
            )
            numbers = self._note(project, files, kept, user) if commits else []
        except BaseException:
            self._drop(kept)
            raise
        if not commits:
            self._drop(kept)
        suffixes = [PurePosixPath(name).suffix.lower() for name, _ in files]
        return msgspec.structs.replace(
            report,
            file_upload_ids=numbers,
            could_be_tasks_list=any(suffix in _LISTS for suffix in suffixes),
            found_formats=dict(Counter(suffixes)),
        )

    def _read(self, name: str, content: bytes, fields: tuple[str, ...]) -> Intake:
        try:
            return read(io.BytesIO(content), name, fields)
        except InvalidInputError as error:
            raise TasksError(error.what, why=error.why, fix=error.fix) from error

    def _keep(self, project: int, intake: Intake, kept: list[str]) -> Iterator[str]:
        for asset in intake.assets:
            name = _UNSAFE.sub("_", PurePosixPath(asset.name).name)[-100:]
            path = f"{project}/{uuid4().hex[:8]}-{name}"
            self._backend.files.put(f"{FOLDER}/{path}", [asset.read()])
            kept.append(path)
            yield ADDRESS + path

    def _note(
        self, project: int, files: Sequence[tuple[str, bytes]], kept: list[str], user: int
    ) -> list[int]:
        at = self._backend.now()
        common = {"project_id": project, "created_by": user, "created_at": at}
        path = kept[0] if len(kept) == len(files) == 1 else None
        listed = [
            {**common, "name": name, "size": len(content), "path": path} for name, content in files
        ]
        numbers: list[int] = self._backend.database.write(lambda c: rows.add(c, listed))
        return numbers

    def _drop(self, kept: list[str]) -> None:
        for path in kept:
            self._backend.files.delete(f"{FOLDER}/{path}")

    def open(self, path: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a kept file from one place to another."""
        return self._backend.files.open(f"{FOLDER}/{path}", start, end)

    def stat(self, path: str) -> Stat:
        """Describe a kept file.

        Raises:
            AbsentError: there is none.
        """
        try:
            found = self._backend.files.stat(f"{FOLDER}/{path}")
        except DovetailError as error:
            raise AbsentError("uploaded file", path) from error
        if found.is_dir:
            raise AbsentError("uploaded file", path)
        return found

    def listed(self, project: int) -> list[dict[str, Any]]:
        """The files of a project, as Label Studio lists them.

        Raises:
            AbsentError: there is no such project.
        """
        self._projects.row(project)
        found = self._backend.database.read(lambda c: rows.listed(c, project))
        return [{"id": row.id, "file": row.path or row.name, "size": row.size} for row in found]

    def _forget(self, change: Changed) -> None:
        if change.action == "PROJECT_DELETED":
            self._backend.files.delete(f"{FOLDER}/{change.project}")
