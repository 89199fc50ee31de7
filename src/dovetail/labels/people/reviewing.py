"""Second review: an answer is accepted, corrected or sent back, by somebody who did not give it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.base.errors import ForbiddenError, InvalidInputError
from dovetail.labels.people import records
from dovetail.labels.people import tables as kept
from dovetail.labels.people.room import Room
from dovetail.labels.store import tables as t

__all__ = ["STATES", "Review", "ReviewItem", "ReviewPage", "Reviewed", "Reviews"]

STATES = ("accepted", "fixed", "rejected")
PENDING = ("pending", "redone")
_LONGEST = 4000
_MOST = 200


class Review(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a reviewer says of an answer.

    Attributes:
        annotation: the answer's number.
        state: accepted, fixed or rejected.
        comment: for the annotator; a rejection needs one.
        result: the right answer, where it is fixed.
    """

    annotation: int
    state: str
    comment: str = ""
    result: list[dict[str, Any]] | None = None


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """A review that was kept; `fixed_by` is the annotation with the right answer."""

    id: int
    annotation: int
    task: int
    state: str
    comment: str
    reviewer: str
    at_ms: int
    fixed_by: int | None


class ReviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, and where its review stands."""

    annotation: int
    task: int
    person: str
    state: str
    comment: str
    reviewer: str
    at_ms: int
    fixed_by: int | None
    said: dict[str, str]
    is_mine: bool


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """Answers in one state of review, oldest first, with how many are in each."""

    state: str
    counts: dict[str, int]
    items: Sequence[ReviewItem]
    after: int | None


class Reviews:
    """The reviews of projects.

    Args:
        room: The surroundings.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    def page(
        self,
        project: int,
        reviewer: int,
        *,
        state: str = "pending",
        after: int = 0,
        skip: int = 0,
        limit: int = 50,
    ) -> ReviewPage:
        """Return answers in a state: pending, accepted, fixed or rejected.

        An answer that was given again after a rejection is pending, and so is one that was changed
        after its review.

        Args:
            project: Whose.
            reviewer: Who asks: their own answers are marked, for they may not judge these.
            state: Which.
            after: Annotations above this number only.
            skip: So many of these are left out.
            limit: So many at most.

        Raises:
            InvalidInputError: there is no such state.
        """
        if state not in ("pending", *STATES):
            raise InvalidInputError(
                f"state {state[:40]!r} is unknown", fix=f"use pending, {', '.join(STATES)}"
            )
        limit = min(max(limit, 1), _MOST)
        rows = self._room.backend.database.read(lambda c: _answers(c, project))
        reviews = self._room.database.read(lambda c: records.reviews_of(c, project))
        gold = {row.task for row in self._room.database.read(lambda c: records.gold_of(c, project))}
        counts = dict.fromkeys(("pending", *STATES), 0)
        found = []
        for row in rows:
            if row.task_id in gold:
                continue  # it is judged by what is known of it
            where = _state(row, reviews.get(row.id))
            counts[where] += 1
            if where == state and row.id > after:
                found.append(row)
        found = found[max(skip, 0) :]
        shown = found[:limit]
        return ReviewPage(
            state=state,
            counts=counts,
            items=[self._item(project, row, reviews.get(row.id), reviewer) for row in shown],
            after=shown[-1].id if len(found) > limit else None,
        )

    def add(self, project: int, review: Review, reviewer: int) -> Reviewed:
        """Keep a review; a corrected answer is saved as the reviewer's annotation beside it.

        Raises:
            InvalidInputError: the state is unknown, or what it needs is missing.
            AbsentError: the project has no such annotation.
            ForbiddenError: the reviewer gave the answer.
        """
        _check(review)
        row = self._room.annotation(review.annotation, project)
        if row.completed_by == reviewer:
            raise ForbiddenError(
                "nobody reviews their own answer", why=f"annotation {row.id} is theirs"
            )
        if row.ground_truth:
            raise InvalidInputError(f"annotation {row.id} is ground truth, which is not reviewed")
        fixed_by = None
        if review.state == "fixed":
            result = msgspec.json.encode(review.result)
            if not self._room.book.values(project).read(result):
                raise InvalidInputError("the corrected answer says nothing")
            fixed_by = self._room.save(reviewer, row.task_id, result, True)
        values: dict[str, Any] = {
            "project": project, "task": row.task_id, "annotation": row.id,
            "person": row.completed_by or 0, "reviewer": reviewer, "state": review.state,
            "comment": review.comment.strip(), "fixed_by": fixed_by, "at_ms": self._room.now_ms(),
        }  # fmt: skip
        number = self._room.database.write(lambda c: records.append(c, kept.reviews, values))
        self._room.queue.forget(project, row.completed_by)
        return Reviewed(
            id=number,
            annotation=row.id,
            task=row.task_id,
            state=review.state,
            comment=values["comment"],
            reviewer=self._room.name(reviewer),
            at_ms=values["at_ms"],
            fixed_by=fixed_by,
        )

    def redone(self, project: int, task: int, annotation: int, person: int) -> None:
        """Keep that somebody answered again what was sent back to them."""
        values = {
            "project": project, "task": task, "annotation": annotation, "person": person,
            "reviewer": person, "state": "redone", "comment": "", "fixed_by": None,
            "at_ms": self._room.now_ms(),
        }  # fmt: skip
        self._room.database.write(lambda c: records.append(c, kept.reviews, values))

    def mine(self, project: int, person: int) -> list[Reviewed]:
        """Return the last review of each of a person's answers, newest first."""
        reviews = self._room.database.read(lambda c: records.reviews_of(c, project))
        found = [
            Reviewed(
                id=row.id,
                annotation=row.annotation,
                task=row.task,
                state="pending" if row.state == "redone" else row.state,
                comment=row.comment,
                reviewer=self._room.name(row.reviewer),
                at_ms=row.at_ms,
                fixed_by=None,  # another's annotation is not theirs to see
            )
            for row in reviews.values()
            if row.person == person
        ]
        return sorted(found, key=lambda one: -one.id)

    def _item(
        self, project: int, row: sa.Row[Any], review: sa.Row[Any] | None, reviewer: int
    ) -> ReviewItem:
        values = self._room.book.values(project)
        query = sa.select(t.annotations.c.result).where(t.annotations.c.id == row.id)
        result = self._room.backend.database.read(lambda c: c.execute(query).scalar()) or "[]"
        said = values.read(result)
        return ReviewItem(
            annotation=row.id,
            task=row.task_id,
            person=self._room.name(row.completed_by),
            state=_state(row, review),
            comment=review.comment if review else "",
            reviewer=self._room.name(review.reviewer) if review else "",
            at_ms=review.at_ms if review else 0,
            fixed_by=review.fixed_by if review else None,
            said={name: values.shown(name, value) for name, value in said.items()},
            is_mine=row.completed_by == reviewer,
        )


def _check(review: Review) -> None:
    if review.state not in STATES:
        raise InvalidInputError(
            f"state {review.state[:40]!r} is unknown", fix=f"use {', '.join(STATES)}"
        )
    if review.state == "rejected" and not review.comment.strip():
        raise InvalidInputError(
            "a rejection needs a comment", why="the annotator has to know what to do otherwise"
        )
    if (review.state == "fixed") != (review.result is not None):
        raise InvalidInputError("a result belongs to a review that fixes, and to no other")
    if len(review.comment) > _LONGEST:
        raise InvalidInputError(f"a comment has {_LONGEST} characters at most")


def _answers(c: sa.Connection, project: int) -> list[sa.Row[Any]]:
    """Each person's last answer on each task, oldest first."""
    a = t.annotations.c
    query = sa.select(a.id, a.task_id, a.completed_by, a.updated_at).where(
        a.project_id == project,
        a.was_cancelled.is_(False),
        a.ground_truth.is_(False),
        a.completed_by.is_not(None),
    )
    last: dict[tuple[int, int], Any] = {}
    for row in c.execute(query.order_by(a.id)):
        last[row.task_id, row.completed_by] = row
    return sorted(last.values(), key=lambda row: row.id)


def _state(row: sa.Row[Any], review: sa.Row[Any] | None) -> str:
    if review is None or review.state in PENDING:
        return "pending"
    from dovetail.labels.people.book import at_ms

    if review.state == "accepted" and at_ms(row.updated_at) > review.at_ms:
        return "pending"  # it was changed after somebody accepted it
    return str(review.state)
