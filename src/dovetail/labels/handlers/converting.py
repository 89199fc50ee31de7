"""Exports in other formats than the JSON that is stored."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy.engine import Connection

from dovetail.labels.backend import Backend
from dovetail.labels.errors import FieldError
from dovetail.labels.formats import FORMATS, convert, offered
from dovetail.labels.handlers.exporting import Exporting
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.handlers.uploads import Uploads

__all__ = ["Converting", "Download"]


@dataclass(frozen=True)
class Download:
    """A file that is on its way.

    Attributes:
        name: what to call it.
        media_type: of its content.
        parts: its bytes.
    """

    name: str
    media_type: str
    parts: Iterator[bytes]


class _Tasks:
    """The tasks of a project, as often as a format goes through them, from one snapshot."""

    def __init__(
        self,
        exporting: Exporting,
        c: Connection,
        project: int,
        every: bool,
        chosen: frozenset[int],
        done: Callable[[], None] | None,
    ) -> None:
        self._exporting, self._c, self._project = exporting, c, project
        self._every, self._chosen, self._done = every, chosen, done

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for chunk in self._exporting.tasks(self._c, self._project, every=self._every):
            for line in chunk:
                task = msgspec.json.decode(line)
                if not self._chosen or task["id"] in self._chosen:
                    yield task
        if self._done is not None:
            self._done()


class Converting:
    """Exports in all formats.

    Args:
        backend: the surroundings.
        projects: of what.
        exporting: gives the tasks.
        uploads: gives their pictures.
    """

    def __init__(
        self, backend: Backend, projects: Projects, exporting: Exporting, uploads: Uploads
    ) -> None:
        self._backend, self._projects, self._exporting = backend, projects, exporting
        self._uploads = uploads

    def formats(self, project: int) -> list[dict[str, Any]]:
        """The formats, those first that the project can be exported in.

        Raises:
            AbsentError: there is no such project.
        """
        return offered(self._projects.config(project))

    def export(
        self,
        project: int,
        name: str,
        *,
        every: bool = False,
        chosen: Iterable[int] = (),
        resources: bool = True,
    ) -> Download:
        """Export a project.

        Args:
            project: which.
            name: of the format, as Label Studio's `exportType`.
            every: whether with tasks that nobody annotated.
            chosen: numbers of tasks; none means all.
            resources: whether formats that can pack the project's own pictures do.

        Raises:
            AbsentError: there is no such project.
            FieldError: the format is unknown, or does not fit the label config.
        """
        config = self._projects.config(project)
        now = self._backend.clock.now()
        known = FORMATS.get(name.upper())
        if known is None:
            raise FieldError(
                f"there is no export format {name!r}",
                "exportType",
                fix=f"take one of {', '.join(FORMATS)}",
            )
        called = f"project-{project}-at-{now:%Y-%m-%d-%H-%M}-{uuid4().hex[:8]}.{known.suffix}"
        wanted = frozenset(chosen)
        if known.name == "JSON" and not wanted:  # as it is stored, without a look inside
            parts = self._exporting.stream(project, every=every)
            return Download(called, known.media_type, parts)
        convert(known.name, (), config, now)  # refuse it before the first byte is sent

        pictures = self._uploads.pictures(project) if resources else None

        def parts_of() -> Iterator[bytes]:
            with ExitStack() as stack:
                c = stack.enter_context(self._backend.database.reading())
                # Pictures come after all tasks: a slow client does not keep the database then.
                done = stack.close if known.packs != "never" else None
                tasks = _Tasks(self._exporting, c, project, every, wanted, done)
                yield from convert(known.name, tasks, config, now, pictures).parts

        return Download(called, known.media_type, parts_of())
