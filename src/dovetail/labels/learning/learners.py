"""The labellers of this server's projects: switched on, followed, asked, and listened to."""

from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from dovetail.base.errors import DovetailError
from dovetail.labels.backend import Asked, Backend, Changed, Saved
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.learning.queues import LABELLED, Queues, ordered
from dovetail.labels.learning.records import Records
from dovetail.labels.learning.rooms import OwnRoom, Room, own_key
from dovetail.labels.learning.tracking import Tracker
from dovetail.labels.learning.trainer import Trainer, needed
from dovetail.labels.store.tables import projects
from dovetail.wire.label_learner import Change, Learner, Settings

if TYPE_CHECKING:
    from dovetail.labels.learning.labeller import Labeller
    from dovetail.labels.learning.reading import Embed, Reader

__all__ = ["Learners"]

_UPLOADS = "/data/upload/"
_MOST_BYTES = 20_000_000
_ORDERED = 40


class Learners:
    """Use cases.

    Args:
        backend: The server's surroundings.
        records: What is kept of labellers.
        tracker: Keeps runs; None where the tracking joint is off.
        texts: Embeds texts; None where the operator named no model.
        images: Embeds images, likewise.
    """

    def __init__(
        self,
        backend: Backend,
        records: Records,
        tracker: Tracker | None,
        texts: "Embed | None" = None,
        images: "Embed | None" = None,
    ) -> None:
        self._backend, self.records = backend, records
        self._texts, self._images = texts, images
        self.queues = Queues(backend.database)
        self.trainer = Trainer(records, self.room, backend.clock, tracker, self._learned)
        self._enabled = {key for key in records.rooms() if records.settings(key).enabled}
        backend.on_saved.append(self._saved)
        backend.on_changed.append(self._changed)
        backend.choosers.append(self._next)

    @cached_property
    def _plain(self) -> "Reader":
        from dovetail.labels.learning.reading import Reader

        return Reader(self._image)

    @cached_property
    def _with_models(self) -> "Reader":
        from dovetail.labels.learning.reading import Reader

        return Reader(self._image, self._texts, self._images, self._plain.memory)

    def room(self, key: str) -> Room | None:
        """The room of a key; None where its project is gone."""
        number = int(key.partition(":")[2])
        query = sa.select(projects.c.id).where(projects.c.id == number)
        if self._backend.database.read(lambda c: c.execute(query).first()) is None:
            return None
        embeds = self.records.settings(key).embeds
        reader = self._with_models if embeds else self._plain
        return OwnRoom(number, self._backend, self.records, reader)

    def own(self, project: int) -> Room:
        """The room of a project.

        Raises:
            AbsentError: there is no such project.
        """
        room = self.room(own_key(project))
        if room is None:
            raise AbsentError("project", project)
        return room

    def state(self, project: int) -> Learner:
        """How a project's labeller stands.

        Raises:
            AbsentError: there is no such project.
        """
        from dovetail.labels.learning.strategies import strategy_names

        room = self.own(project)
        settings, last = self.records.settings(room.key), self.records.latest(room.key)
        standing = self.trainer.standing(room.key)
        is_off = not settings.enabled and standing.phase not in ("training", "failed")
        known = self.records.listed(room.key)
        return Learner(
            project=project,
            settings=settings,
            phase="off" if is_off else standing.phase,
            new_answers=self.trainer.new_answers(room, standing, last),
            needed=needed(settings, last),
            problem=standing.problem,
            version=known[0] if known else None,
            versions=tuple(known),
            strategies=tuple(strategy_names()),
        )

    def change(self, project: int, change: Change) -> Learner:
        """Change what is wanted of a labeller.

        Raises:
            AbsentError: there is no such project.
            FieldError: there is no such strategy.
        """
        from dovetail.labels.learning.strategies import strategy_names

        room = self.own(project)
        given = {k: v for k, v in msgspec.structs.asdict(change).items() if v is not None}
        settings = msgspec.structs.replace(self.records.settings(room.key), **given)
        if settings.strategy not in strategy_names():
            raise FieldError(
                f"there is no strategy {settings.strategy!r}",
                "strategy",
                fix=f"choose one of {', '.join(strategy_names())}",
            )
        if settings.embeds and not (self._texts or self._images):
            raise FieldError(
                "the operator named no model that embeds",
                "embeds",
                fix="set embed_texts or embed_images under [labels] in dovetail.toml",
            )
        before = self.records.settings(room.key)
        looks_at_others = (before.fields, before.embeds) != (settings.fields, settings.embeds)
        self.records.keep(room.key, settings)
        self._follow(room.key, settings)
        self.queues.put(project, ())
        self.trainer.wake(room.key, asked=looks_at_others and settings.enabled)
        return self.state(project)

    def train(self, project: int) -> Learner:
        """Have a labeller learn now, in the background.

        Raises:
            AbsentError: there is no such project.
        """
        room = self.own(project)
        self.trainer.wake(room.key, asked=True)
        return self.state(project)

    def _follow(self, key: str, settings: Settings) -> None:
        if settings.enabled:
            self._enabled.add(key)
        else:
            self._enabled.discard(key)

    def _saved(self, event: Saved) -> None:
        key = own_key(event.project)
        if key in self._enabled:
            self.queues.done(event.project, event.task)
            self.trainer.wake(key, events=1)

    def _changed(self, event: Changed) -> None:
        key = own_key(event.project)
        if event.action == "PROJECT_DELETED":
            self._enabled.discard(key)
            self.queues.put(event.project, ())
            self.trainer.forget(key)
        elif key in self._enabled and event.action.startswith(("TASKS_", "PROJECT_")):
            self.trainer.wake(key, has_new_tasks=True)

    def _next(self, asked: Asked) -> int | None:
        if own_key(asked.project) not in self._enabled:
            return None
        return self.queues.next(asked)

    def _learned(self, room: Room, settings: Settings, labeller: "Labeller | None") -> None:
        """Make a project's order anew where it is due."""
        project = int(room.key.partition(":")[2])
        if not (settings.enabled and settings.orders):
            self.queues.put(project, ())
        elif self.queues.is_due(project, labeller):
            order = ordered(
                settings.strategy, labeller, room.config(), room.pool(), room.answered(LABELLED),
                max(_ORDERED, 2 * settings.every), fields=settings.fields, reader=room.reader(),
            )  # fmt: skip
            self.queues.put(project, order, labeller)

    def _image(self, address: str) -> bytes | None:
        """The bytes of an image that was uploaded here; nothing is fetched from elsewhere."""
        if not address.startswith(_UPLOADS):
            return None
        path = PurePosixPath(address.removeprefix(_UPLOADS))
        if ".." in path.parts or path.is_absolute():
            return None
        name = f"uploads/{path}"
        try:
            size = self._backend.files.stat(name).size
            if size > _MOST_BYTES:
                return None
            return b"".join(self._backend.files.open(name, 0, size))
        except (DovetailError, OSError):
            return None
