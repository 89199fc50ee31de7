"""Where somebody decides what people disagree on, and reviews answers, one item at a time."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec
import sqlalchemy as sa
from msgspec import Raw
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.labels.errors import AbsentError
from dovetail.labels.people.commenting import NewComment
from dovetail.labels.people.disagreeing import Decide, Disagreement
from dovetail.labels.people.people import People
from dovetail.labels.people.reviewing import Review, ReviewItem
from dovetail.labels.routes.kit import read_body
from dovetail.labels.store import tables as t
from dovetail.labels.ui.own import Field, fields_of, result_of
from dovetail.labels.ui.policy import ITEM_POLICY
from dovetail.labels.ui.reading import Reading, reading
from dovetail.web.auth import Principal
from dovetail.web.pages import page_route

__all__ = ["Remark", "ReviewPage", "VoteCard", "review_routes"]

SHOWS = ("disagreements", "decided", "answers", "rejected")
_SMALL = 65_536
_NO_DATA: dict[str, Any] = {}


class VoteCard(msgspec.Struct, frozen=True, kw_only=True):
    """A vote as it stands beside the others."""

    annotation: int
    person: str
    seconds: float | None
    said: dict[str, str]
    key: str
    reading: Reading


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A comment on the item."""

    by: str
    at: str
    text: str
    is_resolved: bool


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows: one item, and how many there are.

    Attributes:
        project: its number.
        name: its title.
        show: disagreements, decided, answers or rejected.
        may: whether the caller may decide.
        may_manage: whether they manage the project.
        open: disputed items that are open.
        decided: those that were decided.
        answered_twice: items with two answers or more.
        pending: answers that wait for a second person.
        rejected: answers that were sent back.
        position: the place of the item, from 1; 0 where there is none.
        total: how many items there are in this list.
        previous: address of the item before; "" for none.
        next: address of the item after.
        task: the item's number; 0 for none.
        item: the item to be read.
        disputed: the controls that people disagree on, and how far, from 0 to 1.
        votes: what people said.
        answer: the answer to be reviewed.
        decision: who decided, and why.
        fields: what a plain form can ask.
        remarks: comments on the item.
    """

    project: int
    name: str
    show: str
    may: bool
    may_manage: bool
    open: int
    decided: int
    answered_twice: int
    pending: int
    rejected: int
    position: int = 0
    total: int = 0
    previous: str = ""
    next: str = ""
    task: int = 0
    item: Reading | None = None
    disputed: dict[str, float] = {}
    votes: list[VoteCard] = []
    answer: ReviewItem | None = None
    decision: str = ""
    fields: list[Field] = []
    remarks: list[Remark] = []


def review_routes(people: People) -> list[BaseRoute]:
    """Return the page, its JSON twin, and what its forms do."""
    pages = _Pages(people)

    def page(request: Request) -> ReviewPage:
        """Items that people disagree on, and answers that wait for a second person."""
        return pages.page(request)

    async def change(request: Request) -> Response:
        """Do what a form of the page says, and go back there."""
        body = await read_body(request, _SMALL)
        fields = dict(parse_qsl(body.decode("utf-8", "replace")))
        return await run_in_threadpool(pages.change, request, fields)

    path = "/labels/projects/{project:int}/review"
    return [
        *page_route(
            path,
            page,
            template="labels/review.html",
            title=lambda shown: f"Review of {shown.name}",
            csp=ITEM_POLICY,
        ),
        Route(path, change, methods=["POST"]),
    ]


class _Pages:
    """The page's content and deeds."""

    def __init__(self, people: People) -> None:
        self._people, self._room = people, people.room

    def page(self, request: Request) -> ReviewPage:
        """Return what is shown of a list: one item of it.

        Raises:
            ForbiddenError: the caller may not see everybody's answers.
            InvalidInputError: there is no such list.
        """
        project, principal = request.path_params["project"], request.state.principal
        if not self._room.access.may_see_all(principal, project):
            self._room.access.need(principal, project, "reviewer")
        show = request.query_params.get("show", "disagreements")
        if show not in SHOWS:
            raise InvalidInputError(f"show={show[:40]!r} is unknown", fix=f"use {', '.join(SHOWS)}")
        at = request.query_params.get("at", "0")
        place = int(at) if at.isascii() and at.isdecimal() and len(at) < 8 else 0
        user = self._room.users.id_of(principal.name)
        name, config = self._project(project)
        state = "decided" if show == "decided" else "open"
        found = self._people.disagreements.page(project, state=state, offset=place, limit=1)
        waiting = "rejected" if show == "rejected" else "pending"
        answers = self._people.reviews.page(project, user, state=waiting, skip=place, limit=1)
        shown = ReviewPage(
            project=project,
            name=name,
            show=show,
            may=self._may(principal, project),
            may_manage=self._room.access.role(principal, project) == "manager",
            open=found.open,
            decided=found.decided,
            answered_twice=found.answered_twice,
            pending=answers.counts["pending"],
            rejected=answers.counts["rejected"],
        )
        totals = {
            "disagreements": shown.open, "decided": shown.decided,
            "answers": shown.pending, "rejected": shown.rejected,
        }  # fmt: skip
        is_dispute = show in ("disagreements", "decided")
        if not (found.items if is_dispute else answers.items):
            return shown
        total, base = totals[show], f"?show={show}&at="
        shown = msgspec.structs.replace(
            shown,
            position=place + 1,
            total=total,
            previous=f"{base}{place - 1}" if place else "",
            next=f"{base}{place + 1}" if place + 1 < total else "",
            fields=fields_of(self._room.book.values(project).config),
        )
        if is_dispute:
            return self._dispute(shown, found.items[0], config)
        return self._answer(shown, answers.items[0], config)

    def change(self, request: Request, fields: dict[str, str]) -> Response:
        """Decide, review or comment, as a form says.

        Raises:
            ForbiddenError: the caller may not.
            InvalidInputError: the form makes no sense.
        """
        project, principal = request.path_params["project"], request.state.principal
        self._room.access.need(principal, project, "reviewer")
        user = self._room.users.id_of(principal.name)
        config = self._room.book.values(project).config
        task, annotation = _number(fields, "task"), _number(fields, "annotation")
        deed, note = fields.get("do", ""), fields.get("note", "").strip()
        if deed == "comment":
            self._people.comments.add(NewComment(text=note, task=task), user)
        elif deed in ("accepted", "rejected", "fixed"):
            result = result_of(config, fields) if deed == "fixed" else None
            review = Review(annotation=annotation, state=deed, comment=note, result=result)
            self._people.reviews.add(project, review, user)
        elif deed == "own":
            result = result_of(config, fields)
            wanted = Decide(task=task, result=result, note=note)
            self._people.disagreements.decide(project, wanted, user)
        elif deed.startswith("vote-") and deed[5:].isdecimal():
            wanted = Decide(task=task, annotation=int(deed[5:]), note=note)
            self._people.disagreements.decide(project, wanted, user)
        else:
            raise InvalidInputError(f"there is nothing to do called {deed[:40]!r}")
        show = fields.get("show", "")
        at = fields.get("at", "") if deed == "comment" else ""
        back = f"/labels/projects/{project}/review?show={show if show in SHOWS else SHOWS[0]}"
        return RedirectResponse(f"{back}&at={int(at)}" if at.isdecimal() else back, 303)

    def _dispute(self, shown: ReviewPage, found: Disagreement, config: str) -> ReviewPage:
        results = self._results([vote.annotation for vote in found.votes])
        votes = [
            VoteCard(
                annotation=vote.annotation,
                person=vote.person,
                seconds=vote.seconds,
                said=vote.said,
                key=str(place) if place < 10 else "",
                reading=reading(config, _NO_DATA, Raw(results[vote.annotation])),
            )
            for place, vote in enumerate(found.votes, 1)
        ]
        why = f"{found.decided_by}: {found.note}" if found.note else found.decided_by
        return msgspec.structs.replace(
            shown,
            task=found.task,
            item=reading(config, found.data),
            disputed=found.controls,
            votes=votes,
            decision=why,
            remarks=self._remarks(found.task),
        )

    def _answer(self, shown: ReviewPage, found: ReviewItem, config: str) -> ReviewPage:
        data = self._room.book.data([found.task]).get(found.task, {})
        result = Raw(self._results([found.annotation])[found.annotation])
        return msgspec.structs.replace(
            shown,
            task=found.task,
            item=reading(config, data, result),
            answer=found,
            remarks=self._remarks(found.task),
        )

    def _remarks(self, task: int) -> list[Remark]:
        return [
            Remark(
                by=self._room.name(one.created_by),
                at=one.created_at,
                text=one.text,
                is_resolved=one.is_resolved,
            )
            for one in self._people.comments.list(task=task)
        ]

    def _results(self, numbers: list[int]) -> dict[int, bytes]:
        a = t.annotations.c
        query = sa.select(a.id, a.result).where(a.id.in_(numbers))
        rows = self._room.backend.database.read(lambda c: list(c.execute(query)))
        return {row.id: row.result.encode() for row in rows}

    def _project(self, project: int) -> tuple[str, str]:
        p = t.projects.c
        query = sa.select(p.title, p.label_config).where(p.id == project)
        row = self._room.backend.database.read(lambda c: c.execute(query).first())
        if row is None:
            raise AbsentError("project", project)
        return row.title, row.label_config

    def _may(self, principal: Principal, project: int) -> bool:
        return self._room.access.role(principal, project) in ("reviewer", "manager")


def _number(fields: dict[str, str], name: str) -> int:
    said = fields.get(name, "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else 0
