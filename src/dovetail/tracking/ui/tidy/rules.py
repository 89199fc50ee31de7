"""The page of an experiment's retention rule: what it says, and what it would do."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import DovetailError, NotFoundError
from dovetail.tracking.tidy import Keeper
from dovetail.tracking.ui.tidy.fields import form_of, rule_of
from dovetail.web.auth import Principal, require_role
from dovetail.web.pages import page_route
from dovetail.wire.retention import Preview, Rule, RuleOf

__all__ = ["rule_routes"]

SHOWN = 100
FIELDS = (
    *("keep_newest", "keep_days", "keep_tagged", "best_metric", "best_count", "best_direction"),
    *("grace_days", "thin_to", "thin_after_days"),
)


class RulePage(msgspec.Struct, frozen=True):
    """The page of one experiment's rule; `preview` is of what the form holds."""

    experiment_id: str
    name: str
    fields: dict[str, str]
    current: RuleOf | None
    words: str
    preview: Preview | None
    delete: list[dict[str, Any]]
    keep: list[dict[str, Any]]
    problem: str
    may_preview: bool
    may_set: bool


def rule_routes(keeper: Keeper, above: str) -> list[BaseRoute]:
    """Return the routes of the page and of its buttons.

    Args:
        keeper: has the rules.
        above: the address of the page of tidying.
    """
    here = f"{above}/rules/{{experiment_id}}"

    def show(request: Request) -> RulePage:
        """Which runs of an experiment stay, and what applying that would do."""
        return _page(keeper, request)

    async def put(request: Request) -> Response:
        """Set the rule that the form holds, and go back to its page."""
        actor, number = require_role(request, "admin").name, request.path_params["experiment_id"]
        rule = rule_of(await form_of(request))
        await run_in_threadpool(keeper.retention.put, number, rule, actor)
        return RedirectResponse(f"{above}/rules/{number}", 303)

    def forget(request: Request) -> Response:
        """Remove the rule, and go back to the page of tidying."""
        actor = require_role(request, "admin").name
        keeper.retention.delete(request.path_params["experiment_id"], actor)
        return RedirectResponse(above, 303)

    def apply(request: Request) -> Response:
        """Apply the rule now, and say what that did."""
        actor, number = require_role(request, "admin").name, request.path_params["experiment_id"]
        done = keeper.apply(number, actor)
        if done.job:
            return RedirectResponse(f"{above}/jobs/{done.job}", 303)
        return RedirectResponse(f"{above}/rules/{number}?{urlencode({'preview': 1})}", 303)

    return [
        Route(f"{here}/put", put, methods=["POST"]),
        Route(f"{here}/delete", forget, methods=["POST"]),
        Route(f"{here}/apply", apply, methods=["POST"]),
        *page_route(
            here,
            show,
            template="tracking/tidy_rule.html",
            title=lambda page: f"Retention of {page.name}",
        ),
    ]


def _page(keeper: Keeper, request: Request) -> RulePage:
    number = request.path_params["experiment_id"]
    name = keeper.retention.name(number)
    try:
        current = keeper.retention.rule(number)
    except NotFoundError:
        current = None
    query = request.query_params
    asked = {one: query[one] for one in FIELDS if one in query}
    fields = _fields(current.rule if current else Rule()) | asked
    preview, problem = None, ""
    if query.get("preview"):
        require_role(request, "editor")
        try:
            preview = keeper.retention.preview(number, rule_of(fields))
        except DovetailError as error:
            problem = str(error)
    who: Principal = request.state.principal
    return RulePage(
        experiment_id=number,
        name=name,
        fields=fields,
        current=current,
        words=current.rule.words() if current else "",
        preview=preview,
        delete=_runs(preview),
        keep=[{"why": why, "runs": n} for why, n in preview.keep.items()] if preview else [],
        problem=problem,
        may_preview=who.may("editor"),
        may_set=who.may("admin"),
    )


def _fields(rule: Rule) -> dict[str, str]:
    """Return a rule as the fields of the form."""
    shown = msgspec.to_builtins(rule)
    fields = {name: "" if shown.get(name) is None else str(shown[name]) for name in FIELDS}
    fields["grace_days"] = f"{rule.grace_days:g}"
    fields["thin_after_days"] = f"{rule.thin_after_days:g}"
    if rule.keep_days is not None:
        fields["keep_days"] = f"{rule.keep_days:g}"
    fields["keep_tagged"] = " ".join(rule.keep_tagged)
    for best in rule.keep_best[:1]:
        fields |= {"best_metric": best.metric, "best_count": str(best.count)}
        fields["best_direction"] = best.direction
    return fields


def _runs(preview: Preview | None) -> list[dict[str, Any]]:
    runs = preview.delete[:SHOWN] if preview else ()
    return [
        {"name": run.name or run.id, "href": f"/tracking/runs/{run.id}", "started": run.started}
        for run in runs
    ]
