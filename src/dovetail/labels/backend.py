"""What the use cases share: the store, the clock, and who wants to hear of what happens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy.engine import Connection

from dovetail.base import telemetry
from dovetail.base.artifacts import ArtifactStore, MemoryStore
from dovetail.base.clock import Clock
from dovetail.base.sql import Database
from dovetail.labels.settings import LabelSettings

__all__ = ["Asked", "Backend", "Changed", "Opener", "Saved", "instant"]

log = telemetry.logger("labels")


class Opener(Protocol):
    """Told that tasks are about to be shown, before they are read."""

    def __call__(self, project: int, tasks: Sequence[int], *, is_next: bool) -> bool:
        """Return whether something was stored about them."""


@dataclass(frozen=True)
class Saved:
    """An annotation that is durable.

    Attributes:
        action: `created`, `updated` or `deleted`.
        project: its project's id.
        task: its task's id.
        annotation: its id.
        user: id of who answered.
        result: the regions as JSON text.
        was_cancelled: whether the task was skipped.
        ground_truth: whether it is gold.
        lead_time: seconds that it took; None where nobody measured.
    """

    action: str
    project: int
    task: int
    annotation: int
    user: int
    result: str
    was_cancelled: bool = False
    ground_truth: bool = False
    lead_time: float | None = None


@dataclass(frozen=True)
class Changed:
    """Something else that is durable.

    Attributes:
        action: a webhook action of Label Studio, for example `TASKS_CREATED`.
        project: the project's id.
        ids: what was made, changed or deleted.
    """

    action: str
    project: int
    ids: Sequence[int]


@dataclass(frozen=True)
class Asked:
    """Somebody asks what to label next.

    Attributes:
        project: in which project.
        user: who asks.
        taken: tasks that are with others now.
    """

    project: int
    user: int
    taken: frozenset[int]


@dataclass
class Backend:
    """The surroundings of every use case.

    Attributes:
        database: the tables.
        clock: what time it is.
        settings: what the operator decided.
        files: where uploads and snapshots lie.
        on_saved: told of each annotation once it is durable, in the request's thread: be quick.
        on_changed: told of everything else.
        recorders: told of every change within its transaction, so that what they write is
            durable exactly where the change is.
        choosers: asked in turn which task is next; the first that names one decides.
        openers: told that tasks are about to be shown.
        shown_version: the version of predictions that a project's `model_version` means.
        remarks: asked what a user has to know of tasks of a project: text by task.
    """

    database: Database
    clock: Clock
    settings: LabelSettings
    files: ArtifactStore = field(default_factory=MemoryStore)
    on_saved: list[Callable[[Saved], None]] = field(default_factory=list)
    on_changed: list[Callable[[Changed], None]] = field(default_factory=list)
    recorders: list[Callable[[Connection, Changed], None]] = field(default_factory=list)
    choosers: list[Callable[[Asked], int | None]] = field(default_factory=list)
    openers: list[Opener] = field(default_factory=list)
    shown_version: Callable[[int, str], str] = lambda project, named: named
    remarks: list[Callable[[int, int], Mapping[int, str]]] = field(default_factory=list)

    def now(self) -> str:
        """Return the time as it is stored."""
        return instant(self.clock.now())

    def record(self, c: Connection, action: str, project: int, numbers: Sequence[int]) -> None:
        """Tell of a change within its transaction; an error there undoes the change."""
        for recorder in self.recorders:
            recorder(c, Changed(action, project, numbers))

    def opened(self, project: int, tasks: Sequence[int], *, is_next: bool) -> bool:
        """Tell that tasks are about to be shown, and return whether that changed something."""
        return any([one(project, tasks, is_next=is_next) for one in self.openers])

    def saved(self, event: Saved) -> None:
        """Tell who wants to hear of annotations; one that fails does not keep the others."""
        for listener in self.on_saved:
            try:
                listener(event)
            except Exception as error:
                log.error("a listener failed", action=event.action, exc_info=error)

    def changed(self, event: Changed) -> None:
        """Tell who wants to hear of other changes."""
        for listener in self.on_changed:
            try:
                listener(event)
            except Exception as error:
                log.error("a listener failed", action=event.action, exc_info=error)


def instant(moment: datetime) -> str:
    """Return a moment as it is stored: UTC, microseconds, a Z.

    Example:
        >>> instant(datetime(2026, 1, 2, tzinfo=UTC))
        '2026-01-02T00:00:00.000000Z'
    """
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")
