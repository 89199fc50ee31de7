"""Which function answers which hot request, and how its errors are written."""

import asyncio
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dovetail.base.errors import DovetailError
from dovetail.base.promise import Promise
from dovetail.web.auth import Gate
from dovetail.web.direct import Answer, Ask, Direct, Handler
from dovetail.web.problems import ErrorRenderer

if TYPE_CHECKING:
    from dovetail.web.auth import Principal

__all__ = ["DirectTable", "Found"]

_KEPT = 4096

Headers = Sequence[tuple[bytes, bytes]]
Found = tuple[Handler, tuple[str, ...], str, int]
"""The function, the groups, the path, and the largest body in bytes."""

_Known = tuple[Found | None, bytes, Found | None]
"""What answers; the header that lets a body be large, and what answers then."""


class DirectTable:
    """All functions of an app, by path.

    Args:
        entries: of every piece, in order.
        gate: says who is calling.
        renderer: writes errors.
    """

    def __init__(self, entries: Sequence[Direct], gate: Gate, renderer: ErrorRenderer) -> None:
        self._entries = [(re.compile(one.pattern), one) for one in entries]
        self._gate, self._renderer = gate, renderer
        self._known: dict[bytes, _Known] = {}

    def find(self, url: bytes, headers: Headers) -> Found | None:
        """Return what answers a POST: what `run` takes; None for the routes.

        Args:
            url: of the request.
            headers: names in lower case.
        """
        known = self._known.get(url)
        if known is None:
            known = self._search(url)
            if len(self._known) < _KEPT:  # callers choose URLs
                self._known[url] = known
        found, name, large = known
        return large if name and any(one[0] == name for one in headers) else found

    def _search(self, url: bytes) -> _Known:
        if b"?" in url:
            return None, b"", None
        path = url.decode("latin-1")
        for pattern, one in self._entries:
            matched = pattern.fullmatch(path)
            if matched is not None:
                groups = tuple(urllib.parse.unquote(g or "") for g in matched.groups())
                what = (one.handle, groups, urllib.parse.unquote(path))
                return (*what, one.most_bytes), one.large, (*what, one.large_bytes)
        return None, b"", None

    def admits(self, found: Found, headers: Headers) -> "Principal | None":
        """Return who sends requests with such headers, where that can never become another.

        Args:
            found: from `find`.
            headers: of a request.
        """
        if not self._gate.is_constant:
            return None
        try:
            return self._gate.identify({"method": "POST", "path": found[2], "headers": headers})
        except DovetailError:
            return None  # `run` says why not, each time

    def run(
        self,
        found: Found,
        scope: Mapping[str, Any],
        body: bytes,
        principal: "Principal | None" = None,
    ) -> Answer | Promise[Answer] | asyncio.Future[Answer] | None:
        """Answer a request, now or later; errors are answers too.

        Args:
            found: from `find`.
            scope: the ASGI scope, with method, path and headers.
            body: the request's body.
            principal: who calls, from `admits`; None to find out.
        """
        handle, groups, path, _ = found
        try:
            principal = principal or self._gate.identify(scope)
            answer = handle(Ask(groups, scope["headers"], body, principal))
        except Exception as error:
            return self.refuse(path, error)
        if answer is None or isinstance(answer, tuple | Promise):
            return answer
        return asyncio.ensure_future(answer)

    def refuse(self, path: str, error: BaseException) -> Answer:
        """Return the answer for an error, in the shape of the path's protocol."""
        if not isinstance(error, Exception):
            raise error
        response = self._renderer.render(path, error)
        headers = [pair for pair in response.raw_headers if pair[0] != b"content-length"]
        return response.status_code, headers, bytes(response.body)
