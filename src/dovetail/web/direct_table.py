"""Which function answers which hot request, and how its errors are written."""

import asyncio
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from dovetail.web.auth import Gate
from dovetail.web.direct import Answer, Ask, Direct, Handler
from dovetail.web.problems import ErrorRenderer

__all__ = ["MOST_BYTES", "DirectTable", "Found"]

MOST_BYTES = 64 << 10
"""A larger body is left to the routes."""
_KEPT = 4096

Found = tuple[Handler, tuple[str, ...], str]


class DirectTable:
    """All functions of an app, by path.

    Args:
        entries: of every piece, in order.
        gate: says who is calling.
        renderer: writes errors.
    """

    def __init__(self, entries: Sequence[Direct], gate: Gate, renderer: ErrorRenderer) -> None:
        self._entries = [(re.compile(one.pattern), one.handle) for one in entries]
        self._gate, self._renderer = gate, renderer
        self._known: dict[bytes, Found | None] = {}

    def find(self, url: bytes) -> Found | None:
        """Return what answers a POST to a URL: function, groups, path; None for the routes."""
        try:
            return self._known[url]
        except KeyError:
            found = self._search(url)
            if len(self._known) < _KEPT:  # callers choose URLs
                self._known[url] = found
            return found

    def _search(self, url: bytes) -> Found | None:
        if b"?" in url:
            return None
        path = url.decode("latin-1")
        for pattern, handle in self._entries:
            matched = pattern.fullmatch(path)
            if matched is not None:
                groups = tuple(urllib.parse.unquote(g or "") for g in matched.groups())
                return handle, groups, urllib.parse.unquote(path)
        return None

    def run(
        self, found: Found, scope: Mapping[str, Any], body: bytes
    ) -> Answer | asyncio.Future[Answer] | None:
        """Answer a request, now or later; errors are answers too.

        Args:
            found: from `find`.
            scope: the ASGI scope, with method, path and headers.
            body: the request's body.
        """
        handle, groups, path = found
        try:
            principal = self._gate.identify(scope)
            answer = handle(Ask(groups, scope["headers"], body, principal))
        except Exception as error:
            return self.refuse(path, error)
        if answer is None or isinstance(answer, tuple):
            return answer
        return asyncio.ensure_future(answer)

    def refuse(self, path: str, error: BaseException) -> Answer:
        """Return the answer for an error, in the shape of the path's protocol."""
        if not isinstance(error, Exception):
            raise error
        response = self._renderer.render(path, error)
        headers = [pair for pair in response.raw_headers if pair[0] != b"content-length"]
        return response.status_code, headers, bytes(response.body)
