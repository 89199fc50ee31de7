"""What the routes share: paths with or without a last slash, bounded bodies, who calls."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dovetail.base.errors import TooLargeError
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.fields import Fields, checked_json, entity
from dovetail.web.auth import Principal

__all__ = ["Call", "Endpoint", "Kit", "json_response", "number_of"]

JSON = "application/json"
LARGEST = 2**31 - 1
T = TypeVar("T")


@dataclass
class Call:
    """One request, read whole.

    Attributes:
        request: as it came.
        body: all of it.
        user: id of who calls.
        principal: who calls.
    """

    request: Request
    body: bytes
    user: int
    principal: Principal

    def path(self, name: str) -> int:
        """Return a number of the path.

        Raises:
            AbsentError: no id is as large.
        """
        number = int(self.request.path_params[name])
        if number > LARGEST:
            raise AbsentError(name, number)
        return number

    def query(self, name: str, default: str = "") -> str:
        """Return a field of the query."""
        return self.request.query_params.get(name, default)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no of the query."""
        said = self.query(name)
        return said.lower() in ("1", "true", "yes", "on") if said else default

    def number(self, name: str, default: int | None = None) -> int | None:
        """Return a number of the query.

        Raises:
            FieldError: it is none.
        """
        said = self.query(name)
        return number_of(said, name) if said else default

    def fields(self) -> Fields:
        """Return the body as the fields of an object; an empty body has none."""
        return entity(self.body or b"{}")

    def value(self) -> Any:
        """Return the body's value; an empty body is an empty object."""
        return checked_json(self.body or b"{}")

    def read(self, kind: type[T]) -> T:
        """Return the body as a typed message.

        Raises:
            FieldError: it is none.
        """
        checked_json(self.body or b"{}")
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind)
        except msgspec.ValidationError as error:
            said, _, where = str(error).partition(" - at `$.")
            raise FieldError(said, where.rstrip("`") or "non_field_errors") from error


Endpoint = Callable[[Call], Response]


def number_of(text: str, name: str) -> int:
    """Return a whole number.

    Raises:
        FieldError: it is none.
    """
    try:
        number = int(text)
    except ValueError as error:
        raise FieldError(f"{text!r} is no whole number", name) from error
    if abs(number) > LARGEST:
        raise FieldError(f"{text} is too large", name)
    return number


def json_response(value: Any, status: int = 200) -> Response:
    """Answer with JSON; bytes are JSON already."""
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Response(body, status, media_type=JSON)


class _Slashed(Route):
    """A route that answers with and without a last slash, as Django's do."""

    def __init__(self, path: str, endpoint: Any, methods: list[str]) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + "/?$")


class Kit:
    """Makes routes.

    Args:
        handlers: know who calls.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        settings = handlers.backend.settings
        self._most, self._most_import = settings.max_body_mb << 20, settings.max_import_mb << 20

    def route(
        self,
        method: str,
        path: str,
        endpoint: Endpoint,
        *,
        is_import: bool = False,
        is_anonymous: bool = False,
    ) -> Route:
        """Return a route; its function runs in a thread, with the body read.

        Args:
            method: of HTTP.
            path: without a last slash.
            endpoint: what answers.
            is_import: whether the body may be as large as an import.
            is_anonymous: whether callers are nobody in particular, and get no row as a user.
        """
        most = self._most_import if is_import else self._most

        @functools.wraps(endpoint)
        async def answer(request: Request) -> Response:
            body = await read_body(request, most) if method != "GET" else b""
            principal: Principal = request.state.principal

            def run() -> Response:
                user = 0 if is_anonymous else self._handlers.users.id_of(principal.name)
                return endpoint(Call(request, body, user, principal))

            return await run_in_threadpool(run)

        return _Slashed(path, answer, [method])


async def read_body(request: Request, most: int) -> bytes:
    """Return a body, and no more of it than is allowed.

    Raises:
        TooLargeError: it is larger.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most:
        raise _too_large(most)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    return b"".join(parts)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(
        f"the body is larger than {most >> 20} MB",
        fix="send it in parts, or raise max_import_mb and max_body_mb under [labels]",
    )
