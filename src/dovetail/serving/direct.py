"""Small inference requests over REST, answered without a route in between.

A model that is quick is asked on the event loop, and its answer leaves in the same turn. What is
packed, or large, is left to the routes; but numbers that come as raw tensors may be many, because
nothing is to be parsed of them.
"""

from collections.abc import Awaitable, Mapping

from dovetail.serving.handlers import Handlers, Unanswered
from dovetail.serving.routes import (
    CLIENT_GONE,
    LENGTH,
    QUICK_BYTES,
    head_of,
    header_length,
    path_of,
)
from dovetail.serving.transports import RestCounts
from dovetail.serving.watch import Begun, Watch
from dovetail.web.direct import Answer, Ask, Direct
from dovetail.web.problems import status_of

__all__ = ["direct_answers"]

_MODEL = "/v2/models/{model}"
_RAW_BYTES = 1 << 20
_TEXT = b'"BYTES"'


def direct_answers(handlers: Handlers, watch: Watch | None = None) -> list[Direct]:
    """Return what answers inference requests before any route is looked for.

    Args:
        handlers: what answers.
        watch: who watches them; None for nobody.
    """
    answers = _Answers(handlers, watch)
    path = r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer"
    return [Direct(path, answers.handle, large=LENGTH, large_bytes=_RAW_BYTES)]


class _Answers:
    """Answers requests now or later.

    Args:
        handlers: what answers.
        watch: who watches; None for nobody.
    """

    def __init__(self, handlers: Handlers, watch: Watch | None) -> None:
        self._handlers, self._watch = handlers, watch
        self._unversioned = RestCounts("POST", f"{_MODEL}/infer")
        self._versioned = RestCounts("POST", f"{_MODEL}/versions/{{version}}/infer")

    def handle(self, ask: Ask) -> Answer | Awaitable[Answer] | None:
        """Answer a request; None leaves it to the routes."""
        headers = dict(ask.headers)
        body = ask.body
        if b"content-encoding" in headers or (
            len(body) > QUICK_BYTES and not _is_raw(body, headers)
        ):
            return None
        name, version = ask.groups
        counts = self._versioned if version else self._unversioned
        began, watch, seen = counts.begin(), self._watch, None
        if watch is not None:
            seen = watch.begin_http(counts.path, path_of(name, version), headers)
        try:
            length = header_length(headers.get(LENGTH))
            begun = self._handlers.begin(
                name, version, body, length, headers, is_large=len(body) > QUICK_BYTES
            )
        except Exception as error:
            self._end(counts, began, seen, status_of(error), error)
            raise
        if isinstance(begun, Unanswered):
            if watch is not None and seen is not None:
                watch.pause(seen)
            return self._later(begun, counts, began, seen)
        self._end(counts, began, seen, 200)
        return 200, head_of(begun[1]), begun[0]

    async def _later(
        self, waiting: Unanswered, counts: RestCounts, began: int, seen: Begun | None
    ) -> Answer:
        if self._watch is not None and seen is not None:
            seen = self._watch.resume(seen)
        try:
            body, split = await self._handlers.finish(waiting)
        except BaseException as error:
            status = status_of(error) if isinstance(error, Exception) else CLIENT_GONE
            self._end(counts, began, seen, status, error)
            raise
        self._end(counts, began, seen, 200)
        return 200, head_of(split), body

    def _end(
        self,
        counts: RestCounts,
        began: int,
        seen: Begun | None,
        status: int,
        error: BaseException | None = None,
    ) -> None:
        counts.end(status, began)
        if self._watch is not None and seen is not None:
            self._watch.end_http(seen, status, error)


def _is_raw(body: bytes, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a large body is little JSON and else raw numbers; texts are parsed one by one."""
    size = headers.get(LENGTH, b"")
    return size.isdigit() and int(size) <= QUICK_BYTES and body.find(_TEXT, 0, int(size)) < 0
