"""Hot requests answered straight from the connection, without ASGI and a task in between.

An ASGI framework costs more than many an answer: a task, a scope that passes through every
middleware, two messages a response. A piece may name POST paths whose small bodies are handed,
whole, to a plain function. The same path stays a route as well, which answers whatever the function
leaves to it: large bodies, other methods, callers in this process. Who is calling is asked of the
same `Gate`, and errors are written by the same renderer, so that the two cannot differ.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dovetail.web.auth import Principal

__all__ = ["MOST_BYTES", "Answer", "Ask", "Direct", "Handler"]

MOST_BYTES = 64 << 10
"""A larger body is left to the routes, where nothing else is said."""

Answer = tuple[int, Sequence[tuple[bytes, bytes]], bytes]
"""Status, headers without the length, body."""


@dataclass(slots=True)
class Ask:
    """One request.

    Attributes:
        groups: what the pattern of the path matched, unquoted.
        headers: names in lower case.
        body: all of it.
        principal: who is calling.
    """

    groups: tuple[str, ...]
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    principal: "Principal"


Handler = Callable[[Ask], Answer | Awaitable[Answer] | None]
"""Answers now, later, or leaves the request to the route by giving None. Called on the loop.

A `Promise` is the quickest way to answer later: no task waits for it.
"""


@dataclass(frozen=True)
class Direct:
    """POST requests that a function answers.

    Attributes:
        pattern: regular expression of the whole path; its groups are given to the function.
        handle: the function.
        most_bytes: of a body; a larger one is left to the routes.
        large: name of a header, in lower case, with which a body may be as large as `large_bytes`.
        large_bytes: of such a body.
    """

    pattern: str
    handle: Handler
    most_bytes: int = MOST_BYTES
    large: bytes = b""
    large_bytes: int = MOST_BYTES
