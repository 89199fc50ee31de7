"""Small inference requests over REST, answered without a route in between.

A model that is quick is asked on the event loop, and its answer leaves in the same turn. What is
large or packed is left to the routes.
"""

from collections.abc import Awaitable

from dovetail.serving.handlers import Handlers, Unanswered
from dovetail.serving.routes import LENGTH, QUICK_BYTES, head_of, header_length, path_of
from dovetail.serving.transports import RestCounts
from dovetail.serving.watch import Watch
from dovetail.web.direct import Answer, Ask, Direct
from dovetail.web.problems import status_of

__all__ = ["direct_answers"]

_MODEL = "/v2/models/{model}"


def direct_answers(handlers: Handlers, watch: Watch | None = None) -> list[Direct]:
    """Return what answers inference requests before any route is looked for.

    Args:
        handlers: what answers.
        watch: who watches them; None for nobody.
    """
    unversioned = RestCounts("POST", f"{_MODEL}/infer")
    versioned = RestCounts("POST", f"{_MODEL}/versions/{{version}}/infer")

    def handle(ask: Ask) -> Answer | Awaitable[Answer] | None:
        headers = dict(ask.headers)
        if len(ask.body) > QUICK_BYTES or b"content-encoding" in headers:
            return None
        name, version = ask.groups
        counts = versioned if version else unversioned
        if watch is not None:
            return watched(ask, headers, counts, watch)
        began = counts.begin()
        try:
            length = header_length(headers.get(LENGTH))
            begun = handlers.begin(name, version, ask.body, length, headers)
        except Exception as error:
            counts.end(status_of(error), began)
            raise
        if isinstance(begun, Unanswered):
            return later(begun, counts, began)
        counts.end(200, began)
        return 200, head_of(begun[1]), begun[0]

    async def later(waiting: Unanswered, counts: RestCounts, began: int) -> Answer:
        try:
            body, split = await handlers.finish(waiting)
        except BaseException as error:
            counts.end(status_of(error) if isinstance(error, Exception) else 499, began)
            raise
        counts.end(200, began)
        return 200, head_of(split), body

    async def watched(
        ask: Ask, headers: dict[bytes, bytes], counts: RestCounts, watch: Watch
    ) -> Answer:
        name, version = ask.groups
        began = counts.begin()
        begun = watch.begin_http(counts.path, path_of(name, version), headers)
        status = 500
        problem: BaseException | None = None
        try:
            length = header_length(headers.get(LENGTH))
            made = handlers.begin(name, version, ask.body, length, headers)
            body, split = await handlers.finish(made) if isinstance(made, Unanswered) else made
            status = 200
            return status, head_of(split), body
        except BaseException as error:
            status, problem = (status_of(error) if isinstance(error, Exception) else 499), error
            raise
        finally:
            counts.end(status, began)
            watch.end_http(begun, status, problem)

    return [Direct(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer", handle)]
