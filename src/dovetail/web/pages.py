"""Pages: one view function gives the HTML page and its `.json` twin.

A piece writes a view, which takes the request and returns a view model, and a template, which
extends `web/page.html`. Everything else of a page is here: the shell with its navigation, the
strict content security policy, compression, and the main part alone for the browser's periodic
refresh. Nothing on a page is inline script or inline style, so text that an attacker got stored
cannot run even where a template forgot to escape it.
"""

import gzip
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dovetail.web import assets, folders, formats
from dovetail.web.navigation import NavItem, items
from dovetail.web.templating import digest, environment

__all__ = ["NavItem", "page_route", "problem_page", "register", "render", "routes"]

View = Callable[[Request], Any]
Title = str | Callable[[Any], str]

register = folders.register
routes = assets.routes

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
    "Vary": "HX-Request, HX-Target, Accept-Encoding, Cookie",
}
THEMES = ("light", "dark")
SMALL = 860


def page_route(
    path: str,
    view: View,
    *,
    template: str,
    title: Title,
    refresh: int | None = None,
    csp: str = POLICY,
) -> list[Route]:
    """Routes for a page and its JSON twin, both fed by one view.

    The twin of `/serving` is `/serving.json`, that of `/` is `/index.json`. The view runs in the
    thread pool. It may return a response of its own, such as a redirect.

    Args:
        path: Where the page lives; may hold path parameters.
        view: Takes the request, returns a msgspec Struct or a dict. Its fields are the template's
            variables, the whole is `view`; a field `as_of` is shown as the age of the data.
        template: Such as `serving/models.html`.
        title: What the page is called, or a function of the view model.
        refresh: Seconds between refreshes of the main part; None for a page that stays.
        csp: The content security policy, for a page that shows pictures from elsewhere.

    Returns:
        The twin's route and the page's route, to be mounted in this order.
    """

    def page(request: Request) -> Response:
        model = view(request)
        if isinstance(model, Response):
            return model
        name = title if isinstance(title, str) else title(model)
        given = {**_fields(model), "view": model}
        return render(request, template, title=name, refresh=refresh, csp=csp, **given)

    def twin(request: Request) -> Response:
        model = view(request)
        if isinstance(model, Response):
            return model
        return Response(
            msgspec.json.encode(model),
            media_type="application/json",
            headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"},
        )

    methods = ["GET"]
    return [Route(_twin_path(path), twin, methods=methods), Route(path, page, methods=methods)]


def render(
    request: Request,
    template: str,
    *,
    title: str,
    status: int = 200,
    refresh: int | None = None,
    twin: bool | str = True,
    csp: str = POLICY,
    **ctx: Any,
) -> Response:
    """A page in the common shell, or its main part alone when the browser refreshes it.

    Args:
        request: The request that is answered; its app's `state.nav` makes the navigation.
        template: Such as `serving/models.html`.
        title: What the page is called.
        status: The HTTP status.
        refresh: Seconds between refreshes of the main part; None for a page that stays.
        twin: Whether the page shows data, which then has an age and a JSON twin; or the address
            of the twin where it is not that of the page with `.json`.
        csp: The content security policy.
        **ctx: The template's variables. `as_of` tells the age of the data, else now is taken.
    """
    as_of = formats.instant(ctx.pop("as_of", None)) or datetime.now(UTC)
    fragment = (
        request.headers.get("hx-request") == "true" and request.headers.get("hx-target") == "main"
    )
    shell = _shell(request, title=title, refresh=refresh, as_of=as_of, fragment=fragment)
    if twin is not True:
        shell["json_url"] = twin or ""
    text = environment().get_template(template).render({**ctx, **shell})
    if not fragment:
        return _respond(request, text, status, {"Content-Security-Policy": csp})
    seen = digest(text)
    fresh = msgspec.json.encode(
        {"dovetail:fresh": {"asOf": formats.iso(as_of), "digest": seen}}
    ).decode()
    if request.headers.get("x-main-digest") == seen and status == 200:
        return Response(status_code=204, headers={**HEADERS, "HX-Trigger": fresh})
    return _respond(request, text, status, {"HX-Trigger": fresh})


def _shell(
    request: Request, *, title: str, refresh: int | None, as_of: datetime, fragment: bool
) -> dict[str, Any]:
    """What `web/page.html` needs beside the page's own variables."""
    query = f"?{request.url.query}" if request.url.query else ""
    path = request.url.path
    theme = request.cookies.get("dovetail_theme", "")
    return {
        "title": title,
        "nav": items(getattr(request.app.state, "nav", ()), path),
        "refresh": refresh,
        "as_of": as_of,
        "fragment": fragment,
        "theme": theme if theme in THEMES else "",
        "here": path + query,
        "json_url": _twin_path(path) + query,
        "principal": getattr(request.state, "principal", None),
    }


def _respond(request: Request, text: str, status: int, extra: Mapping[str, str]) -> Response:
    body = text.encode()
    headers = {**HEADERS, **extra}
    if len(body) > SMALL and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return HTMLResponse(body, status, headers)


def _twin_path(path: str) -> str:
    return "/index.json" if path == "/" else path.rstrip("/") + ".json"


def _fields(model: Any) -> dict[str, Any]:
    """A view model's fields by name, not deeper: templates read attributes and keys alike."""
    if isinstance(model, msgspec.Struct):
        return {name: getattr(model, name) for name in model.__struct_fields__}
    if isinstance(model, Mapping):
        return dict(model)
    raise TypeError(f"a view returns a Struct, a dict or a response, not {type(model).__name__}")


def problem_page(
    request: Request, *, status: int, title: str, detail: str, fixes: Sequence[str] = ()
) -> Response:
    """The page for a request that failed: what happened, why, and what to do next.

    Args:
        request: The request that failed.
        status: The HTTP status.
        title: What went wrong, in a few words.
        detail: Which thing, and the likely cause.
        fixes: Commands or steps that help.
    """
    return render(
        request,
        "web/problem.html",
        title=title[:1].upper() + title[1:],
        twin=False,
        status=status,
        code=status,
        detail=detail[:1].upper() + detail[1:],
        fixes=list(fixes),
    )
