"""Items on which people disagree, with the votes side by side, and who decides them.

A decision is an annotation marked as ground truth, so exports and models see it, and it is kept who
decided when and why. The item that people disagree on most comes first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.base.errors import InvalidInputError
from dovetail.labels.people import records
from dovetail.labels.people import tables as kept
from dovetail.labels.people.agreement import disagreement
from dovetail.labels.people.given import Given, by_task
from dovetail.labels.people.room import Room
from dovetail.labels.people.values import Values

__all__ = ["Decide", "Decided", "Disagreement", "DisagreementPage", "Disagreements", "Vote"]

_MOST = 200
_LONGEST = 4000


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """What one person said."""

    annotation: int
    person: str
    user: int
    seconds: float | None
    at_ms: int
    said: dict[str, str]


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """An item with its votes.

    Attributes:
        task: its number.
        amount: mean unlikeness of two votes on the control that is disputed most, 0 to 1.
        controls: unlikeness by control, of those that are disputed.
        votes: what people said, in the order of their names.
        data: what the item holds.
        decision: the annotation that decides it; None while nobody did.
        decided_by: who decided.
        note: why.
    """

    task: int
    amount: float
    controls: dict[str, float]
    votes: Sequence[Vote]
    data: dict[str, Any]
    decision: int | None = None
    decided_by: str = ""
    note: str = ""


class DisagreementPage(msgspec.Struct, frozen=True, kw_only=True):
    """The disputed items that are open, or those that were decided."""

    state: str
    open: int
    decided: int
    answered_twice: int
    items: Sequence[Disagreement]
    offset: int
    more: bool


class Decide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision: one of the votes, or an answer of one's own; and why."""

    task: int
    annotation: int | None = None
    result: list[dict[str, Any]] | None = None
    note: str = ""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that was kept."""

    id: int
    task: int
    annotation: int
    decided_by: str
    at_ms: int


class Disagreements:
    """The disputed items of projects.

    Args:
        room: The surroundings.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    def page(
        self, project: int, *, state: str = "open", offset: int = 0, limit: int = 20
    ) -> DisagreementPage:
        """Return disputed items, those that people disagree on most first.

        Args:
            project: Whose.
            state: open or decided.
            offset: So many are left out.
            limit: So many at most.

        Raises:
            InvalidInputError: there is no such state.
        """
        if state not in ("open", "decided"):
            raise InvalidInputError(f"state {state[:40]!r} is unknown", fix="use open or decided")
        limit, offset = min(max(limit, 1), _MOST), max(offset, 0)
        read = self._room.book.read(project)
        rows = self._room.database.read(
            lambda c: records.rows_of_project(c, kept.decisions, project)
        )
        decisions = {row.task: row for row in rows}
        gold = {row.task for row in self._room.database.read(lambda c: records.gold_of(c, project))}
        tasks = {n: a for n, a in by_task(read.answers).items() if len(a) > 1 and n not in gold}
        amounts = {task: _amounts(answers, read.values) for task, answers in tasks.items()}
        disputed = {task: found for task, found in amounts.items() if found}
        open_ones = [task for task in disputed if task not in decisions]
        decided = [task for task in tasks if task in decisions]
        chosen = open_ones if state == "open" else decided
        chosen.sort(key=lambda task: (-max(amounts[task].values(), default=0.0), task))
        page = chosen[offset : offset + limit]
        data = self._room.book.data(page)
        users = {name: number for number, name in read.users.items()}
        return DisagreementPage(
            state=state,
            open=len(open_ones),
            decided=len(decided),
            answered_twice=len(tasks),
            items=[
                self._item(
                    n, amounts[n], tasks[n], data.get(n, {}), decisions.get(n), read.values, users
                )
                for n in page
            ],
            offset=offset,
            more=offset + limit < len(chosen),
        )

    def decide(self, project: int, wanted: Decide, user: int) -> Decided:
        """Decide an item: by one of the votes, or by an answer of one's own.

        Raises:
            InvalidInputError: neither or both were given, or the answer says nothing.
            AbsentError: the project has no such task or annotation.
        """
        if (wanted.annotation is None) == (wanted.result is None):
            raise InvalidInputError(
                "a decision is one of the votes or an answer of one's own",
                fix="give annotation or result, not both",
            )
        if len(wanted.note) > _LONGEST:
            raise InvalidInputError(f"a note has {_LONGEST} characters at most")
        self._room.task(wanted.task, project)
        result = msgspec.json.encode(wanted.result) if wanted.result is not None else b""
        if wanted.annotation is not None:
            row = self._room.annotation(wanted.annotation, project)
            if row.task_id != wanted.task:
                raise InvalidInputError(
                    f"annotation {row.id} is one of task {row.task_id}, not of {wanted.task}"
                )
            result = row.result.encode()
        if not self._room.book.values(project).read(result):
            raise InvalidInputError("the decision says nothing that a control asks for")
        number = self._room.save(user, wanted.task, result, True)
        values: dict[str, Any] = {
            "project": project, "task": wanted.task, "annotation": number, "decided_by": user,
            "note": wanted.note.strip(), "at_ms": self._room.now_ms(),
        }  # fmt: skip
        key = self._room.database.write(lambda c: records.append(c, kept.decisions, values))
        return Decided(
            id=key,
            task=wanted.task,
            annotation=number,
            decided_by=self._room.name(user),
            at_ms=values["at_ms"],
        )

    def _item(
        self,
        task: int,
        amounts: Mapping[str, float],
        answers: Sequence[Given],
        data: dict[str, Any],
        decision: sa.Row[Any] | None,
        values: Values,
        users: Mapping[str, int],
    ) -> Disagreement:
        votes = [
            Vote(
                annotation=one.annotation,
                person=one.person,
                user=users.get(one.person, 0),
                seconds=one.seconds,
                at_ms=one.at_ms,
                said={name: values.shown(name, value) for name, value in one.values.items()},
            )
            for one in sorted(answers, key=lambda one: one.person)
        ]
        return Disagreement(
            task=task,
            amount=max(amounts.values(), default=0.0),
            controls=dict(amounts),
            votes=votes,
            data=data,
            decision=decision.annotation if decision else None,
            decided_by=self._room.name(decision.decided_by) if decision else "",
            note=decision.note if decision else "",
        )


def _amounts(answers: Sequence[Given], values: Values) -> dict[str, float]:
    """Unlikeness by control, of those that are disputed; silence is an answer too."""
    found = {}
    for control in {name for one in answers for name in one.values}:
        said = [one.values.get(control) for one in answers]
        amount = disagreement(control, said, values.similar)
        if amount > 1e-9:
            found[control] = amount
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
