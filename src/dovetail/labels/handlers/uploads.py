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
from sqlalchemy.engine import Row

from dovetail.base.artifacts import Stat
from dovetail.base.errors import DovetailError, InvalidInputError
from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import AbsentError, TasksError
from dovetail.labels.formats.packing import Picture, Pictures
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
            tasks: list[Any] = []
            paths: list[str | None] = []
            for name, content in files:
                intake = self._read(name, content, fields)
                tasks += intake.tasks
                paths.append(None)
                if intake.assets:
                    before = len(kept)
                    token = f"{project}/{uuid4().hex[:8]}"
                    tasks += with_assets(intake, fields[0], self._keep(token, intake, kept))
                    paths[-1] = kept[before] if len(kept) == before + 1 else f"{token}."
            report = self._importing.run(
                project,
                msgspec.json.encode(tasks),
                user,
                wants_ids=wants_ids,
                commits=commits,
                preannotated=preannotated,
                source=files[0][0] if len(files) == 1 else None,
            )
            numbers = self._note(project, files, paths, user) if commits else []
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

    def _keep(self, token: str, intake: Intake, kept: list[str]) -> Iterator[str]:
        for index, asset in enumerate(intake.assets):
            name = _UNSAFE.sub("_", PurePosixPath(asset.name).name)[-100:]
            path = f"{token}.{index}-{name}"
            self._backend.files.put(f"{FOLDER}/{path}", [asset.read()])
            kept.append(path)
            yield ADDRESS + path

    def _note(
        self,
        project: int,
        files: Sequence[tuple[str, bytes]],
        paths: Sequence[str | None],
        user: int,
    ) -> list[int]:
        at = self._backend.now()
        common = {"project_id": project, "created_by": user, "created_at": at}
        listed = [
            {**common, "name": name, "size": len(content), "path": path}
            for (name, content), path in zip(files, paths, strict=True)
        ]
        numbers: list[int] = self._backend.database.write(lambda c: rows.add(c, listed))
        return numbers

    def _drop(self, kept: list[str]) -> None:
        for path in kept:
            self._backend.files.delete(f"{FOLDER}/{path}")

    def open(self, path: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a kept file from one place to another."""
        return self._backend.files.open(f"{FOLDER}/{path}", start, end)

    def pictures(self, project: int) -> Pictures:
        """Return what finds a project's own pictures by the addresses that its tasks name.

        Tasks may name anything: a file of another project is none of this one's.
        """
        home = f"{ADDRESS}{project}/"

        def find(address: str) -> Picture | None:
            name = address.removeprefix(home)
            if name == address or not name or "/" in name or name.startswith(".."):
                return None
            path = f"{project}/{name}"
            try:
                size = self.stat(path).size
            except DovetailError:
                return None
            return Picture("", size, lambda: self.open(path, 0, size))

        return find

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
        return [{"id": row.id, "file": _called(row), "size": row.size} for row in found]

    def remove(self, project: int, numbers: list[int] | None) -> int:
        """Delete files of a project, and return how many there were.

        As in Label Studio the tasks that came from them stay, and name no file any more; a picture
        that was a task of its own is no longer shown.

        Args:
            project: whose.
            numbers: which; None for all.

        Raises:
            AbsentError: there is no such project.
        """
        self._projects.row(project)
        gone = self._backend.database.write(lambda c: rows.take_out(c, project, numbers))
        for row in gone:
            if row.path is not None:
                self._drop(self._kept_as(project, row.path))
        return len(gone)

    def _kept_as(self, project: int, path: str) -> list[str]:
        if not path.endswith("."):
            return [path]
        every = self._backend.files.list(f"{FOLDER}/{project}")
        found = (one.path.removeprefix(f"{FOLDER}/") for one in every)
        return [one for one in found if one.startswith(path)]

    def _forget(self, change: Changed) -> None:
        if change.action == "PROJECT_DELETED":
            self._backend.files.delete(f"{FOLDER}/{change.project}")


def _called(row: Row[Any]) -> str:
    """Return what a file is called where it is listed: a zip by its name, a picture by where."""
    return str(row.name if row.path is None or row.path.endswith(".") else row.path)
