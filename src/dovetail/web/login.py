"""The page where a person gives the API token that their browser then sends.

The token goes into a cookie that no script can read and no other site can send. Programs need
none of this: they send the token themselves.
"""

from urllib.parse import parse_qs, urlsplit

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.web import pages
from dovetail.web.auth import COOKIE, Tokens

__all__ = ["login_routes"]

LIMIT = 4096
MONTH = 30 * 86400


def login_routes(tokens: Tokens) -> list[BaseRoute]:
    """Routes of the page and of what its form sends.

    Args:
        tokens: where the token is checked.
    """

    def show(request: Request) -> Response:
        """Show the form that takes a token."""
        return _form(request, request.query_params.get("next", "/"), wrong=False)

    async def take(request: Request) -> Response:
        """Keep a right token in a cookie of this site."""
        fields = await _fields(request)
        secret, after = fields.get("token", "").strip(), fields.get("next", "/")
        if await run_sync(tokens.check, secret) is None:
            return await run_sync(lambda: _form(request, after, wrong=True))
        answer = RedirectResponse(_local(after), 303)
        answer.set_cookie(
            COOKIE,
            secret,
            max_age=MONTH,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    def leave(_: Request) -> Response:
        """Forget the token."""
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    return [
        Route("/login", show, methods=["GET"]),
        Route("/login", take, methods=["POST"]),
        Route("/logout", leave, methods=["POST"]),
    ]


def _form(request: Request, after: str, *, wrong: bool) -> Response:
    return pages.render(
        request,
        "web/login.html",
        title="Sign in",
        twin=False,
        status=401 if wrong else 200,
        after=_local(after),
        wrong=wrong,
    )


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a short form; a longer body is cut, and so holds no valid token."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT:
            break
    return {key: values[0] for key, values in parse_qs(body[:LIMIT].decode("latin-1")).items()}


def _local(address: str) -> str:
    """The address if it is a path of this server, else the first page."""
    parts = urlsplit(address)
    outside = parts.scheme or parts.netloc or not address.startswith("/") or "\\" in address
    return "/" if outside or address.startswith("//") else address
