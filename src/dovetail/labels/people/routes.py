"""HTTP about people: a thin skin over the use cases, with who may call each."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.base.errors import InvalidInputError
from dovetail.labels.people.access import ProjectRole
from dovetail.labels.people.disagreeing import Decide
from dovetail.labels.people.golden import AddGold
from dovetail.labels.people.payments import plain, written
from dovetail.labels.people.people import People
from dovetail.labels.people.plan import read_plan
from dovetail.labels.people.reviewing import Review
from dovetail.labels.routes.kit import Call, Kit, json_response

__all__ = ["people_routes"]

_ONE = "/api/labels/projects/{project:int}"


class _Invite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    role: str = "annotator"
    new_token: bool = False


def people_routes(people: People, kit: Kit) -> Sequence[BaseRoute]:
    """Return the routes."""
    api = _People(people)
    return [
        kit.route("GET", f"{_ONE}/members", api.members),
        kit.route("POST", f"{_ONE}/members", api.invite),
        kit.route("DELETE", f"{_ONE}/members/{{user:int}}", api.remove),
        kit.route("POST", f"{_ONE}/members/{{user:int}}/requalify", api.requalify),
        kit.route("GET", f"{_ONE}/people", api.plan),
        kit.route("PUT", f"{_ONE}/people", api.put_plan),
        kit.route("GET", f"{_ONE}/instructions", api.instructions),
        kit.route("GET", f"{_ONE}/qualification", api.qualification),
        kit.route("PUT", f"{_ONE}/qualification", api.put_qualification),
        kit.route("GET", f"{_ONE}/gold", api.gold),
        kit.route("POST", f"{_ONE}/gold", api.add_gold),
        kit.route("DELETE", f"{_ONE}/gold/{{task:int}}", api.retire_gold),
        kit.route("GET", f"{_ONE}/reviews", api.reviews),
        kit.route("POST", f"{_ONE}/reviews", api.review),
        kit.route("GET", f"{_ONE}/disagreements", api.disagreements),
        kit.route("POST", f"{_ONE}/disagreements", api.decide),
        kit.route("GET", f"{_ONE}/agreement", api.agreement),
        kit.route("GET", f"{_ONE}/annotators", api.annotators),
        kit.route("GET", f"{_ONE}/payments", api.payments),
    ]


class _People:
    """The answers."""

    def __init__(self, people: People) -> None:
        self._people, self._access = people, people.room.access

    def _need(self, call: Call, role: ProjectRole) -> int:
        project = call.path("project")
        self._access.need(call.principal, project, role)
        return project

    def members(self, call: Call) -> Response:
        """The members of a project, and where each stands."""
        project = self._need(call, "reviewer")
        return json_response({"members": self._people.members.list(project)})

    def invite(self, call: Call) -> Response:
        """Make somebody a member; their token is in the answer, this once."""
        project, wanted = self._need(call, "manager"), call.read(_Invite)
        made = self._people.members.invite(
            project, wanted.name, wanted.role, call.principal, new_token=wanted.new_token
        )
        return json_response(made, 201)

    def remove(self, call: Call) -> Response:
        """Let a member go; `revoke=true` makes their tokens worthless too."""
        project = self._need(call, "manager")
        self._people.members.remove(
            project, call.path("user"), call.principal, revoke=call.flag("revoke")
        )
        return Response(status_code=204)

    def requalify(self, call: Call) -> Response:
        """Let a member qualify anew."""
        self._people.members.requalify(self._need(call, "manager"), call.path("user"))
        return Response(status_code=204)

    def plan(self, call: Call) -> Response:
        """What is decided about the people of a project."""
        return json_response(self._people.room.plans.of(self._need(call, "manager")))

    def put_plan(self, call: Call) -> Response:
        """Decide about the people of a project."""
        project, plan = self._need(call, "manager"), read_plan(call.body)
        return json_response(self._people.put_plan(project, plan))

    def instructions(self, call: Call) -> Response:
        """What a member works by: instructions, examples, and where they stand."""
        project = self._need(call, "looker")
        return json_response(self._people.instructions(project, call.principal, call.user))

    def qualification(self, call: Call) -> Response:
        """What has to be passed, and where the caller stands; managers see everybody."""
        project = self._need(call, "looker")
        answer: dict[str, Any] = {"progress": self._people.room.queue.progress(project, call.user)}
        if self._access.may_see_all(call.principal, project):
            answer["qualification"] = self._people.room.plans.of(project).qualification
            answer["members"] = self._people.members.list(project)
        return json_response(answer)

    def put_qualification(self, call: Call) -> Response:
        """Decide what has to be passed; null lets everybody label."""
        project = self._need(call, "manager")
        before = msgspec.to_builtins(self._people.room.plans.of(project))
        plan = read_plan(before | {"qualification": call.value() or None})
        return json_response(self._people.put_plan(project, plan).qualification)

    def gold(self, call: Call) -> Response:
        """All gold of a project, doubtful items first."""
        return json_response(self._people.gold.report(self._need(call, "manager")))

    def add_gold(self, call: Call) -> Response:
        """Make items gold."""
        project, wanted = self._need(call, "manager"), call.read(AddGold)
        added = self._people.gold.add(project, wanted, call.principal.name)
        return json_response({"added": added}, 201)

    def retire_gold(self, call: Call) -> Response:
        """Take an item out of use as gold."""
        self._people.gold.retire(self._need(call, "manager"), call.path("task"))
        return Response(status_code=204)

    def reviews(self, call: Call) -> Response:
        """Answers in a state of review; annotators see what became of their own."""
        project = self._need(call, "looker")
        if not self._access.may_see_all(call.principal, project):
            return json_response({"mine": self._people.reviews.mine(project, call.user)})
        page = self._people.reviews.page(
            project,
            call.user,
            state=call.query("state", "pending"),
            after=call.number("after", 0) or 0,
            limit=call.number("limit", 50) or 50,
        )
        return json_response(page)

    def review(self, call: Call) -> Response:
        """Accept, fix or reject an answer."""
        project = self._need(call, "reviewer")
        return json_response(self._people.reviews.add(project, call.read(Review), call.user), 201)

    def disagreements(self, call: Call) -> Response:
        """Items that people disagree on, with the votes side by side."""
        project = self._open(call)
        page = self._people.disagreements.page(
            project,
            state=call.query("state", "open"),
            offset=call.number("offset", 0) or 0,
            limit=call.number("limit", 20) or 20,
        )
        return json_response(page)

    def decide(self, call: Call) -> Response:
        """Decide an item that people disagree on."""
        project = self._need(call, "reviewer")
        return json_response(
            self._people.disagreements.decide(project, call.read(Decide), call.user), 201
        )

    def agreement(self, call: Call) -> Response:
        """How far people agree, for each control, and pair by pair."""
        return json_response(self._people.measures.agreement(self._open(call)))

    def annotators(self, call: Call) -> Response:
        """Everybody in figures, in the order of names."""
        return json_response(self._people.measures.people(self._open(call)))

    def payments(self, call: Call) -> Response:
        """What people earned from `from` to `to`; `format=csv` for the file."""
        project = self._need(call, "manager")
        if not call.query("from") or not call.query("to"):
            raise InvalidInputError(
                "payments are of a period", fix="give from and to: ?from=2026-11-01&to=2026-11-30"
            )
        made = self._people.payments.of(
            project, call.query("from"), call.query("to"), call.query("as_of")
        )
        if call.query("format", "json") != "csv":
            return json_response(msgspec.json.encode(made))
        name = plain(f"payments-{project}-{made.start:%Y%m%d}-{made.end:%Y%m%d}.csv")
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Digest": f"sha-256={made.digest}",
        }
        return Response(written(made), headers=headers, media_type="text/csv; charset=utf-8")

    def _open(self, call: Call) -> int:
        """The project, of which the caller may see everybody's answers."""
        project = call.path("project")
        if not self._access.may_see_all(call.principal, project):
            self._access.need(call.principal, project, "reviewer")
        return project
