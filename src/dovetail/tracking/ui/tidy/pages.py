"""The page that answers: what takes the room, and what can go.

A plan is a link: it can be looked at, shared and reloaded, and nothing happens. Below it stands the
button that removes exactly what is shown. If the store has changed meanwhile the button leads back
to the plan as it is then.
"""

from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import DovetailError
from dovetail.tracking.errors import PlanChangedError
from dovetail.tracking.tidy import Keeper
from dovetail.tracking.ui.tidy.fields import form_of, request_of, tidy_fields
from dovetail.tracking.ui.tidy.rules import rule_routes
from dovetail.web.auth import Principal, require_role
from dovetail.web.pages import page_route
from dovetail.wire.tidy import Confirmed, ExperimentSize, Going, Job, Plan, Space, TidyRequest

__all__ = ["tidy_page_routes"]

_HERE = "/tracking/tidy"
SHOWN = 100
LEVELS = {"done": "ok", "running": "info", "waiting": "warn"}


class TidyPage(msgspec.Struct, frozen=True):
    """The page `/tracking/tidy`."""

    experiments: list[dict[str, Any]]
    space: Space
    measuring: bool
    jobs: list[dict[str, Any]]
    fields: dict[str, str]
    plan: Plan | None
    going: list[Going]
    problem: str
    changed: bool
    may_plan: bool
    may_remove: bool


class JobPage(msgspec.Struct, frozen=True):
    """The page of one removal."""

    job: Job
    level: str


def tidy_page_routes(keeper: Keeper) -> list[BaseRoute]:
    """Return the routes of the pages and of their buttons."""

    def show(request: Request) -> TidyPage:
        """What takes the room, what can go for good, and what is going."""
        return _page(keeper, request)

    def job(request: Request) -> JobPage:
        """How far a removal is."""
        found = keeper.tidy.job(request.path_params["id"])
        return JobPage(found, LEVELS[found.state])

    return [
        *_buttons(keeper),
        *page_route(
            f"{_HERE}/jobs/{{id}}",
            job,
            template="tracking/tidy_job.html",
            title="Removal",
            refresh=2,
        ),
        *rule_routes(keeper, _HERE),
        *page_route(_HERE, show, template="tracking/tidy.html", title="Tidy"),
    ]


def _buttons(keeper: Keeper) -> list[BaseRoute]:
    async def execute(request: Request) -> Response:
        """Remove exactly what the plan on the page says, and go to the removal's page."""
        actor = require_role(request, "admin").name
        fields = await form_of(request)
        asked = msgspec.structs.asdict(request_of(fields))
        confirmed = Confirmed(**asked, confirm=fields.get("confirm", ""))
        try:
            job = await run_in_threadpool(keeper.tidy.execute, confirmed, actor)
        except PlanChangedError:
            again = {**tidy_fields(request_of(fields)), "plan": "1", "changed": "1"}
            return RedirectResponse(f"{_HERE}?{urlencode(again)}", 303)
        return RedirectResponse(f"{_HERE}/jobs/{job.id}", 303)

    def measure(request: Request) -> Response:
        """Measure every experiment anew, and go back to the page."""
        require_role(request, "editor")
        keeper.sizes(anew=True)
        return RedirectResponse(_HERE, 303)

    async def compact(request: Request) -> Response:
        """Give the free space of the database back, and go back to the page."""
        require_role(request, "admin")
        full = (await form_of(request)).get("full") == "1"
        await run_in_threadpool(lambda: keeper.compact(full=full))
        return RedirectResponse(f"{_HERE}#database", 303)

    return [
        Route(f"{_HERE}/execute", execute, methods=["POST"]),
        Route(f"{_HERE}/measure", measure, methods=["POST"]),
        Route(f"{_HERE}/compact", compact, methods=["POST"]),
    ]


def _page(keeper: Keeper, request: Request) -> TidyPage:
    who: Principal = request.state.principal
    query = request.query_params
    fields = tidy_fields(TidyRequest(grace_days=keeper.tidy.grace_days))
    fields |= {name: query[name] for name in fields if name in query}
    plan, problem = None, ""
    if query.get("plan"):
        require_role(request, "editor")
        try:
            plan = keeper.tidy.plan(request_of(fields))
        except DovetailError as error:
            problem = str(error)
    known = keeper.sizes()
    rules = {one.experiment_id: one.rule.words() for one in keeper.retention.rules()}
    return TidyPage(
        experiments=[_line(one, rules.get(one.id, "")) for one in known.experiments],
        space=known.space,
        measuring=known.measuring,
        jobs=[_job(one) for one in keeper.tidy.jobs()[:10]],
        fields=fields,
        plan=plan,
        going=[*plan.experiments, *plan.runs, *plan.models][:SHOWN] if plan else [],
        problem=problem,
        changed=bool(query.get("changed")),
        may_plan=who.may("editor"),
        may_remove=who.may("admin"),
    )


def _line(one: ExperimentSize, rule: str) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(one),
        "href": f"/tracking/experiments/{one.id}",
        "rule": rule or "none",
        "rule_href": f"{_HERE}/rules/{one.id}",
        "state": "deleted" if one.deleted else "",
    }


def _job(one: Job) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(one),
        "href": f"{_HERE}/jobs/{one.id}",
        "level": LEVELS[one.state],
    }
