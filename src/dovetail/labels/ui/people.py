"""The page about the people of a project: who they are, how good, and how sure that is."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import parse_qsl

import msgspec
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.labels.errors import AbsentError
from dovetail.labels.people.agreement import Agreement, Pair
from dovetail.labels.people.checks import Check
from dovetail.labels.people.consensus import Confused
from dovetail.labels.people.estimates import Estimate
from dovetail.labels.people.golden import AddGold, GoldReport
from dovetail.labels.people.members import Invitation, Member
from dovetail.labels.people.pace import Trend
from dovetail.labels.people.people import People
from dovetail.labels.people.plan import Plan, read_plan
from dovetail.labels.routes.kit import read_body
from dovetail.labels.store import tables as t
from dovetail.web import pages
from dovetail.web.pages import page_route

__all__ = ["PeoplePage", "PersonRow", "people_page_routes"]

_SMALL = 16_384
_SHOWN = 30
_DOUBTFUL = 20


class PersonRow(msgspec.Struct, frozen=True, kw_only=True):
    """A person in the table of quality."""

    name: str
    answers: int
    skipped_gold: int
    estimate: Estimate
    basis: str
    other: Estimate
    trend: Trend | None


class PeoplePage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows; what only managers see is None for others."""

    project: int
    name: str
    may_manage: bool
    text: str
    basis: str
    members: Sequence[Member]
    people: Sequence[PersonRow]
    checks: Sequence[Check]
    confused: Sequence[Confused]
    controls: Sequence[Agreement]
    pairs: dict[str, Sequence[Pair]]
    plan: Plan | None
    gold: GoldReport | None
    month: tuple[str, str]


def people_page_routes(people: People) -> list[BaseRoute]:
    """Return the page, its JSON twin, and what its forms do."""
    content = _Content(people)

    def page(request: Request) -> PeoplePage:
        """The people of a project, in the order of their names."""
        return content.page(request)

    async def change(request: Request) -> Response:
        """Invite somebody, let somebody go, or let somebody qualify anew."""
        body = await read_body(request, _SMALL)
        fields = dict(parse_qsl(body.decode("utf-8", "replace")))
        return await run_in_threadpool(content.change, request, fields)

    path = "/labels/projects/{project:int}/people"
    made = page_route(
        path, page, template="labels/people.html", title=lambda shown: f"People of {shown.name}"
    )
    return [*made, Route(path, change, methods=["POST"])]


class _Content:
    """The page's content and deeds."""

    def __init__(self, people: People) -> None:
        self._people, self._room = people, people.room

    def page(self, request: Request) -> PeoplePage:
        """Return what is shown.

        Raises:
            ForbiddenError: the caller may not see everybody's answers.
        """
        project, principal = request.path_params["project"], request.state.principal
        if not self._room.access.may_see_all(principal, project):
            self._room.access.need(principal, project, "reviewer")
        manages = self._room.access.role(principal, project) == "manager"
        report = self._people.measures.people(project)
        agreed = self._people.measures.agreement(project)
        rows = [
            PersonRow(
                name=one.name,
                answers=one.answers,
                skipped_gold=one.skipped_gold,
                estimate=one.estimate,
                basis=report.basis,
                other=one.others if report.basis == "gold" else one.gold,
                trend=one.trend,
            )
            for one in report.people
        ]
        return PeoplePage(
            project=project,
            name=self._name(project),
            may_manage=manages,
            text=report.text,
            basis=report.basis,
            members=self._people.members.list(project),
            people=rows,
            checks=[check for one in report.people for check in one.checks],
            confused=report.confused[:_SHOWN],
            controls=agreed.controls,
            pairs={name: pairs[:_SHOWN] for name, pairs in agreed.pairs.items() if pairs},
            plan=self._room.plans.of(project) if manages else None,
            gold=self._gold(project) if manages else None,
            month=self._month(),
        )

    def change(self, request: Request, fields: dict[str, str]) -> Response:
        """Do what a form says, and go back; a new token is shown at once, and never again.

        Raises:
            ForbiddenError: the caller manages no such project.
            InvalidInputError: the form makes no sense.
        """
        project, principal = request.path_params["project"], request.state.principal
        self._room.access.need(principal, project, "manager")
        deed, who = fields.get("do", ""), fields.get("user", "")
        members = self._people.members
        if deed == "invite":
            made = members.invite(
                project, fields.get("name", ""), fields.get("role", ""), principal
            )
            return self._invited(request, project, made)
        if deed == "remove" and who.isdecimal():
            members.remove(project, int(who), principal)
        elif deed == "requalify" and who.isdecimal():
            members.requalify(project, int(who))
        elif deed == "gold":
            wanted = AddGold(used_for=fields.get("used_for", "both"), ground_truth=True)
            self._people.gold.add(project, wanted, principal.name)
        elif deed == "plan":
            self._people.put_plan(project, _planned(self._room.plans.of(project), fields))
        else:
            raise InvalidInputError(f"there is nothing to do called {deed[:40]!r}")
        return RedirectResponse(f"/labels/projects/{project}/people", 303)

    def _invited(self, request: Request, project: int, made: Invitation) -> Response:
        return pages.render(
            request,
            "labels/invited.html",
            title=f"{made.name} is invited",
            twin=False,
            project=project,
            made=made,
        )

    def _gold(self, project: int) -> GoldReport:
        report = self._people.gold.report(project)
        return msgspec.structs.replace(report, items=report.items[:_DOUBTFUL])

    def _name(self, project: int) -> str:
        query = sa.select(t.projects.c.title).where(t.projects.c.id == project)
        name = self._room.backend.database.read(lambda c: c.execute(query).scalar())
        if name is None:
            raise AbsentError("project", project)
        return str(name)

    def _month(self) -> tuple[str, str]:
        """First and last day of the month before."""
        first = self._room.backend.clock.now().replace(day=1)
        last = first - timedelta(days=1)
        return f"{last:%Y-%m}-01", f"{last:%Y-%m-%d}"


def _planned(plan: Plan, fields: Mapping[str, str]) -> Plan:
    """A plan with what a form says of the share of gold and of everybody's rate."""
    changed = msgspec.to_builtins(plan)
    if "gold_share" in fields:
        try:
            changed["gold_share"] = float(fields["gold_share"]) / 100
        except ValueError:
            raise InvalidInputError("the share of gold is no number") from None
    if "amount" in fields:
        changed["pay"] |= {name: fields.get(name, "") for name in ("amount", "per", "currency")}
    return read_plan(changed)
