"""What the desk loads ahead: the next tasks of an annotator, several at once, kept for them.

A desk shows the next item before the server has heard of the last answer, so it asks for tasks that
it neither holds nor has answered. Who decides which task is next decides here too.
"""

import random
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import Raw
from sqlalchemy.engine import Connection, Row

from dovetail.base.errors import DovetailError
from dovetail.labels.backend import Asked, Backend
from dovetail.labels.handlers.choosing import Choosing
from dovetail.labels.handlers.projects import Projects, options_of
from dovetail.labels.store import choosing as rows
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import tasks as task_rows

__all__ = ["Item", "Prelabel", "Queued", "Queueing"]

MOST = 50
_LARGEST = 3_000_000


class Prelabel(msgspec.Struct, frozen=True, kw_only=True):
    """What a model said of an item before anybody else."""

    id: int
    model_version: str
    score: float | None
    result: Raw


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A task as the desk shows it; `remark` is what the annotator has to know of it."""

    id: int
    data: Raw
    prediction: Prelabel | None
    remark: str = ""


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """The next items of an annotator; `left` tasks of the project lack answers."""

    items: list[Item]
    left: int


class Queueing:
    """Loads ahead.

    Args:
        backend: the surroundings.
        projects: in which.
        choosing: knows who has which task.
    """

    def __init__(self, backend: Backend, projects: Projects, choosing: Choosing) -> None:
        self._backend, self._projects, self._choosing = backend, projects, choosing
        self._seen: dict[tuple[int, int], int] = {}

    def items(
        self, project: int, user: int, *, count: int, without: Collection[int], is_blind: bool
    ) -> Queued:
        """Return the next items for a user; none where nothing is left for them.

        Args:
            project: of which project.
            user: for whom.
            count: how many at most; fewer where they are large.
            without: tasks that the desk holds or has answered.
            is_blind: whether nobody's predictions are shown.

        Raises:
            AbsentError: there is no such project.
        """
        row = self._projects.row(project)
        count, held = min(max(1, count), MOST), {*without}
        locks, read = self._choosing.locks, self._backend.database.read
        with self._choosing.turn(project):
            taken = locks.taken(project, user)
            plain = read(lambda c: self._next(c, row, user, count, held, taken))
            numbers = self._chosen(project, user, count, held, taken, plain)
            items = self._items(numbers, row, is_blind=is_blind)
            for item in items:
                locks.take(project, user, item.id)
        numbers = [item.id for item in items]
        if not is_blind and self._backend.opened(project, numbers, is_next=True):
            items = self._items(numbers, row, is_blind=is_blind)
        remarks: dict[int, str] = {}
        for remarks_of in self._backend.remarks:
            remarks |= remarks_of(project, user)
        if remarks:
            items = [msgspec.structs.replace(one, remark=remarks.get(one.id, "")) for one in items]
        return Queued(items=items, left=row.tasks - row.finished)

    def _items(self, numbers: Sequence[int], project: Row[Any], *, is_blind: bool) -> list[Item]:
        options = options_of(project)
        version = self._backend.shown_version(project.id, options.get("model_version") or "")
        shows = not is_blind and options.get("show_collab_predictions", True)
        return self._backend.database.read(
            lambda c: _shown(c, numbers, version, shows_predictions=shows)
        )

    def _chosen(
        self,
        project: int,
        user: int,
        count: int,
        held: set[int],
        taken: dict[int, int],
        plain: list[int],
    ) -> list[int]:
        """Ask who decides for each place; where nobody does, the project's own order does.

        One who names a task that the desk holds already wants that answered first. One who
        refuses a later place is asked again when the earlier ones are answered.
        """
        found: list[int] = []
        left = iter(plain)
        while len(found) < count:
            asked = Asked(project, user, frozenset({*taken, *held, *found}))
            try:
                named = self._named(asked)
            except DovetailError:
                if found or held:
                    break
                raise
            if named is None:
                named = next((one for one in left if one not in found), None)
            if named is None or named in found or named in held:
                break
            found.append(named)
        return found

    def _named(self, asked: Asked) -> int | None:
        answers = (choose(asked) for choose in self._backend.choosers)
        return next((one for one in answers if one is not None), None)

    def _next(
        self,
        c: Connection,
        project: Row[Any],
        user: int,
        count: int,
        held: set[int],
        taken: dict[int, int],
    ) -> list[int]:
        """Return tasks that still lack answers, as the project's sampling says."""
        if count <= 0:
            return []
        sampling = options_of(project).get("sampling") or "Sequential sampling"
        again = project.skip_queue == "REQUEUE_FOR_ME"
        limit = count + len(held) + len(taken)
        key = (project.id, user)
        start = self._seen.get(key, 0)
        if sampling == "Uniform sampling":
            start = random.randint(*rows.bounds(c, project.id))
        found: list[int] = []
        for first in dict.fromkeys((start, 0)):
            listed = rows.open_tasks(
                c,
                project.id,
                user,
                requeues_own=again,
                by_score=sampling == "Uncertainty sampling",
                after=first,
                limit=limit,
            )
            free = (
                int(one.id)
                for one in listed
                if one.id not in held and one.total_annotations + taken.get(one.id, 0) < one.overlap
            )
            found += [number for number in free if number not in found]
            if len(found) >= count:
                break
        if found:
            self._seen[key] = min([found[0], *held])
        return found[:count]


def _shown(
    c: Connection, numbers: Sequence[int], version: str, *, shows_predictions: bool
) -> list[Item]:
    found: list[Row[Any]] = []
    size = 0
    for row in task_rows.find_many(c, numbers):
        size += len(row.data)
        if found and size > _LARGEST:
            break
        found.append(row)
    with_predictions = [row.id for row in found if row.total_predictions and shows_predictions]
    said = prediction_rows.for_tasks(c, with_predictions, version=version)
    return [
        Item(id=row.id, data=Raw(row.data), prediction=_newest(said.get(row.id, [])))
        for row in found
    ]


def _newest(predictions: Sequence[Row[Any]]) -> Prelabel | None:
    if not predictions:
        return None
    row = predictions[-1]
    return Prelabel(
        id=row.id,
        model_version=row.model_version or "",
        score=row.score,
        result=Raw(row.result),
    )
