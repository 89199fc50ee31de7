"""All projects under a policy, and what is told of their answers."""

import threading
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.base import telemetry
from dovetail.base.errors import InvalidInputError
from dovetail.labels.backend import Asked, Backend, Changed, Saved
from dovetail.labels.errors import FieldError, NothingLeftError
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.routing.served.records import Policy, Records, Told
from dovetail.labels.routing.served.room import Asking, Room, person
from dovetail.labels.sources.opening import Opener
from dovetail.labels.sources.seam import Question, Said, Source, SourceError, Task
from dovetail.labels.sources.specs import Spec
from dovetail.labels.store.tables import annotations, tasks
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["Rooms", "question_of"]

log = telemetry.logger("labels")


class _Unopened:
    """A source that cannot be made, and says why when it is asked."""

    def __init__(self, spec: Spec, problem: SourceError) -> None:
        self.name, self.kind, self._problem = spec.name, "unopened", problem

    def answer(self, asked: Sequence[Task], question: Question) -> list[Said | None]:
        """Say why not."""
        raise self._problem

    def close(self) -> None:
        """Nothing is open."""


class Rooms:
    """The rooms of all projects, made when they are first needed.

    Args:
        backend: The server's surroundings.
        projects: Its projects.
        records: What routing keeps.
        opener: Opens sources.
    """

    def __init__(
        self, backend: Backend, projects: Projects, records: Records, opener: Opener
    ) -> None:
        self._backend, self._projects = backend, projects
        self.records, self.opener = records, opener
        self._rooms: dict[int, Room] = {}
        self._routed = set(records.projects())
        self._retired: list[Source] = []
        self._loading: dict[int, list[Saved]] = {}
        self._turns: dict[int, int] = {}  # how often a project's room was forgotten
        self._guard, self._turn = threading.RLock(), threading.Lock()
        self.wake = threading.Event()
        backend.on_saved.append(self._on_saved)
        backend.on_changed.append(self._on_changed)
        backend.choosers.append(self._choose)

    @property
    def routed(self) -> list[int]:
        """The projects with a policy that is switched on or off."""
        return sorted(self._routed)

    def get(self, project: int) -> Room | None:
        """Return a project's room; None where nobody stated a policy.

        Raises:
            InvalidInputError: the project's config has nothing that can be routed.
        """
        if project not in self._routed:
            return None
        room = self._rooms.get(project)
        if room is not None:
            return room
        with self._turn:
            room = self._rooms.get(project)
            while room is None and project in self._routed:
                room = self._made(project)
            return room

    def forget(self, project: int) -> None:
        """Have a project's room made anew when it is next needed."""
        with self._guard:
            self._retire(self._rooms.pop(project, None))
            self._turns[project] = self._turns.get(project, 0) + 1
            if self.records.policy(project) is None:
                self._routed.discard(project)
            else:
                self._routed.add(project)
        self.wake.set()

    def _retire(self, room: Room | None) -> None:
        """Have a room's sources closed by the worker, which may be asking one of them."""
        if room is not None:
            self._retired += [one.source for one in room.machines if one.source is not None]

    def close_retired(self, busy: Collection[int] = (), *, all_: bool = False) -> None:
        """Close the sources of rooms that were forgotten, or of all rooms.

        Args:
            busy: The `id` of each source that is being asked, and is closed later.
            all_: Whether all rooms are given up.
        """
        with self._guard:
            if all_:
                for project in list(self._rooms):
                    self._retire(self._rooms.pop(project))
            retired = [source for source in self._retired if id(source) not in busy]
            self._retired = [source for source in self._retired if id(source) in busy]
        for source in retired:
            source.close()

    def question(self, project: int, policy: Policy) -> Question:
        """What a policy asks of a project.

        Raises:
            AbsentError: there is no such project.
            InvalidInputError: its config has nothing that can be routed.
        """
        return question_of(project, self._projects.config(project), policy.control)

    def _made(self, project: int) -> Room | None:
        with self._guard:
            self._loading[project] = []
            turn = self._turns.get(project, 0)
        try:
            policy = self.records.policy(project)
            if policy is None:
                self._routed.discard(project)
                return None
            found = self.records.specs(project)
            asked = [Asking(spec, self._opened(spec)) for spec in found]
            room = Room(project, policy, self.question(project, policy), asked)
            room.restore(self._tasks(project), self._history(room))
            self.records.clear_posteriors(project)
            room.changed.update(room.router.items())
            with self._guard:
                if turn != self._turns.get(project, 0):
                    self._retire(room)
                    return None  # a policy or a source came meanwhile
                for event in self._loading[project]:
                    self._take(room, event)
                self._rooms[project] = room
            return room
        finally:
            with self._guard:
                self._loading.pop(project, None)

    def _opened(self, spec: Spec) -> Source | None:
        try:
            return self.opener.open(spec)
        except SourceError as error:
            return _Unopened(spec, error)

    def _tasks(self, project: int) -> list[int]:
        query = sa.select(tasks.c.id).where(tasks.c.project_id == project).order_by(tasks.c.id)
        return self._backend.database.read(lambda c: [row[0] for row in c.execute(query)])

    def _history(self, room: Room) -> list[Told]:
        """What machines and people said, oldest first; gold goes to the router as known."""
        told = self.records.told(room.project)
        fresh = {(one.task, one.source) for one in told if one.is_fresh}
        said = [one for one in told if not one.source.startswith(person(0)[:-1])]
        cost = room.people.spec.cost
        for row in self._annotations(room.project):
            label = None if row.was_cancelled else room.label_of(msgspec.json.decode(row.result))
            if row.ground_truth:
                room.router.know(row.task_id, label)
            elif row.completed_by is not None and (label is not None or row.was_cancelled):
                who = person(row.completed_by)
                is_fresh = (row.task_id, who) in fresh
                said.append(
                    Told(row.task_id, who, label, cost, row.lead_time, is_fresh, row.created_at)
                )
        return sorted(said, key=lambda one: one.at)

    def _annotations(self, project: int) -> Sequence[Any]:
        a = annotations.c
        query = sa.select(
            a.task_id, a.completed_by, a.was_cancelled, a.ground_truth, a.lead_time, a.created_at,
            a.result,
        ).where(a.project_id == project)  # fmt: skip
        query = query.order_by(a.id)
        found: Sequence[Any] = self._backend.database.read(lambda c: c.execute(query).all())
        return found

    def _on_saved(self, event: Saved) -> None:
        if event.project not in self._routed:
            return
        with self._guard:
            if event.project in self._loading:
                self._loading[event.project].append(event)
                return
            room = self._rooms.get(event.project)
        if room is not None:
            self._take(room, event)
        self.wake.set()

    def _take(self, room: Room, event: Saved) -> None:
        if event.ground_truth:
            known = None if event.action == "deleted" else room.label_of(_regions(event))
            room.router.know(event.task, known)
            return
        if event.action == "deleted":
            room.unsay(event.task, event.user)
            return
        label = None if event.was_cancelled else room.label_of(_regions(event))
        if label is None and not event.was_cancelled:
            return
        if room.say(event.task, event.user, label, event.lead_time) and label is not None:
            self.records.tell(
                room.project,
                [Told(event.task, person(event.user), label, 0.0, None, True, self._backend.now())],
            )

    def _on_changed(self, event: Changed) -> None:
        if event.action == "PROJECT_DELETED":
            self.records.erase(event.project)
            with self._guard:
                self._retire(self._rooms.pop(event.project, None))
                self._routed.discard(event.project)
        elif event.project in self._routed and event.action == "TASKS_CREATED":
            room = self._rooms.get(event.project)
            if room is not None and event.ids and self._come_answered(event):
                self.forget(event.project)
            elif room is not None:
                room.router.expect(event.ids)
            self.wake.set()
        elif event.project in self._routed and event.action.startswith(
            ("TASKS_", "PROJECT_", "ANNOTATIONS_")
        ):
            self.forget(event.project)

    def _come_answered(self, event: Changed) -> bool:
        """Whether tasks that were imported brought answers with them."""
        a = annotations.c
        query = sa.select(a.id).where(
            a.project_id == event.project, a.task_id.between(min(event.ids), max(event.ids))
        )
        return self._backend.database.read(lambda c: c.execute(query.limit(1)).first()) is not None

    def _choose(self, asked: Asked) -> int | None:
        """Return the task that is next for a person; None where the project has no policy.

        Raises:
            NothingLeftError: all is sure enough, or the budget is spent, or it is too late.
        """
        if asked.project not in self._routed:
            return None
        try:
            room = self.get(asked.project)
        except InvalidInputError as error:
            log.warning("a project cannot be routed", project=asked.project, exc_info=error)
            return None
        if room is None or not room.policy.enabled:
            return None
        now = self._backend.clock.now().timestamp()
        found = room.next_for(asked.user, asked.taken, now)
        if found is None:
            raise NothingLeftError(asked.project, are_locked=False)
        return found


def question_of(project: int, config: LabelConfig, name: str) -> Question:
    """Return what is asked: about the named control, or the first that has classes.

    Raises:
        FieldError: there is none.
    """
    controls = [config.controls[name]] if name in config.controls else []
    if not name:
        main = config.main_control()
        controls = [*([main] if main is not None else []), *config.controls.values()]
    for control in controls:
        if len(control.options) >= 2:
            return Question(project, config, control)
    raise FieldError(
        f"the project has no control {name!r} with classes" if name else
        "the project has no control with classes",
        "control",
        why="routing weighs answers out of a finite set: Choices with one choice, Rating, Pairwise",
        fix="name such a control, or give the label config one",
    )  # fmt: skip


def _regions(event: Saved) -> Any:
    return msgspec.json.decode(event.result)
