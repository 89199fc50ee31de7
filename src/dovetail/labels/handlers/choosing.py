"""The next task of an annotator, kept for them while they are at it."""

import random
import threading
from collections.abc import Sequence
from typing import Any

from msgspec import Raw
from sqlalchemy.engine import Connection, Row

from dovetail.labels.backend import Asked, Backend, Saved
from dovetail.labels.errors import AbsentError, NothingLeftError
from dovetail.labels.handlers.locks import Locks
from dovetail.labels.handlers.projects import Projects, options_of
from dovetail.labels.handlers.shapes import (
    annotation_json,
    draft_json,
    joined,
    prediction_json,
    task_columns,
)
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import choosing as rows
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import tasks as task_rows
from dovetail.wire.label_studio.entities import NextTask, spliced

__all__ = ["Choosing"]


class Choosing:
    """Chooses.

    Args:
        backend: the surroundings.
        projects: in which.
        users: for whom.
    """

    def __init__(self, backend: Backend, projects: Projects, users: Users) -> None:
        self._backend, self._projects, self._users = backend, projects, users
        self.locks = Locks(backend.settings.lock_seconds)
        self._seen: dict[tuple[int, int], int] = {}
        self._turns: dict[int, threading.Lock] = {}
        backend.on_saved.append(self._on_saved)

    def next(self, project: int, user: int) -> bytes:
        """Return the next task for a user as JSON.

        Raises:
            AbsentError: there is no such project.
            NothingLeftError: they have answered all that lack answers.
        """
        row = self._projects.row(project)
        with self.turn(project):  # or two who ask at once are given one last slot
            task, why = self._pick(row, user)
            unique = self.locks.take(project, user, task)
        self._backend.opened(project, [task], is_next=True)
        return self._hand_out(row, user, task, why, unique)

    def turn(self, project: int) -> threading.Lock:
        """Return what whoever hands out tasks of a project holds meanwhile."""
        return self._turns.setdefault(project, threading.Lock())

    def _pick(self, row: Row[Any], user: int) -> tuple[int, str]:
        taken = self.locks.taken(row.id, user)
        for chooser in self._backend.choosers:
            chosen = chooser(Asked(row.id, user, frozenset(taken)))
            if chosen is not None:
                return chosen, "chosen by routing"
        return self._backend.database.read(lambda c: self._choose(c, row, user, taken))

    def _choose(
        self, c: Connection, row: Row[Any], user: int, taken: dict[int, int]
    ) -> tuple[int, str]:
        again = row.skip_queue == "REQUEUE_FOR_ME"
        held = self.locks.mine(row.id, user)
        if held is not None and rows.is_open(c, row.id, user, held, requeues_own=again):
            return held, "Task lock"
        sampling = options_of(row).get("sampling") or "Sequential sampling"
        by_score = sampling == "Uncertainty sampling"
        limit = len(taken) + 1

        def after(first: int) -> Sequence[Row[Any]]:
            return rows.open_tasks(
                c, row.id, user, requeues_own=again, by_score=by_score, after=first, limit=limit
            )

        start = self._seen.get((row.id, user), 0)
        if sampling == "Uniform sampling":
            start = random.randint(*rows.bounds(c, row.id))
        found = _free(after(start), taken)
        if found is None and start:
            found = _free(after(0), taken)
        if found is None:
            raise NothingLeftError(row.id, are_locked=bool(taken) and bool(after(0)))
        if not by_score and sampling != "Uniform sampling":
            self._seen[(row.id, user)] = found
        return found, f"{sampling.partition(' ')[0]} queue"

    def _hand_out(self, project: Row[Any], user: int, task: int, why: str, unique: str) -> bytes:
        def read(c: Connection) -> bytes:
            row = task_rows.find_for(c, task, user)
            if row is None:
                raise AbsentError("task", task)
            return self._shown(c, row, project, user, unique, why)

        return self._backend.database.read(read)

    def _shown(
        self, c: Connection, row: Row[Any], project: Row[Any], user: int, unique: str, why: str
    ) -> bytes:
        options = options_of(project)
        people, emails = self._users.people(), self._users.emails
        shows = options.get("show_collab_predictions", True)
        version = self._backend.shown_version(project.id, options.get("model_version") or "")
        said = (
            prediction_rows.for_tasks(c, [row.id], version=version).get(row.id, [])
            if shows and row.total_predictions
            else []
        )
        answered = row.total_annotations or row.cancelled_annotations
        every = annotation_rows.for_tasks(c, [row.id]).get(row.id, []) if answered else []
        own = [one for one in every if one.completed_by == user]
        begun = annotation_rows.drafts_of(c, [row.id], user=user) if row.has_drafts else {}
        drafts = begun.get(row.id, ())
        shown = NextTask(
            predictions=Raw(joined(prediction_json(one, people) for one in said)),
            annotations=Raw(joined(annotation_json(one, people) for one in own)),
            drafts=Raw(joined(draft_json(one, people, emails) for one in drafts)),
            updated_by=[{"user_id": row.updated_by}] if row.updated_by else [],
            unique_lock_id=unique,
            is_labeled=row.is_labeled,
            overlap=row.overlap,
            queue=why,
            **task_columns(row),
        )
        return spliced(shown, row.extra)

    def _on_saved(self, event: Saved) -> None:
        if event.action == "created":
            self.locks.free(event.project, event.user, event.task)
        else:
            self._seen.pop((event.project, event.user), None)


def _free(found: Sequence[Row[Any]], taken: dict[int, int]) -> int | None:
    """Return the first task that the others who have it now will not finish alone."""
    for one in found:
        if one.total_annotations + taken.get(one.id, 0) < one.overlap:
            return int(one.id)
    return None
