"""Small inference requests over REST, answered without a route in between.

A model that is quick is asked on the event loop, and its answer leaves in the same turn. What is
large or packed is left to the routes.
"""

from collections.abc import Awaitable

from dovetail.serving.handlers import Handlers, Unanswered
from dovetail.serving.routes import LENGTH, QUICK_BYTES, head_of, header_length
from dovetail.serving.transports import RestCounts
from dovetail.web.direct import Answer, Ask, Direct
from dovetail.web.problems import status_of

__all__ = ["direct_answers"]

_MODEL = "/v2/models/{model}"


def direct_answers(handlers: Handlers) -> list[Direct]:
    """Return what answers inference requests before any route is looked for.

    Args:
        handlers: what answers.
    """
    unversioned = RestCounts("POST", f"{_MODEL}/infer")
    versioned = RestCounts("POST", f"{_MODEL}/versions/{{version}}/infer")

    def handle(ask: Ask) -> Answer | Awaitable[Answer] | None:
        headers = dict(ask.headers)
        if len(ask.body) > QUICK_BYTES or b"content-encoding" in headers:
            return None
        name, version = ask.groups
        counts = versioned if version else unversioned
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

    return [Direct(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer", handle)]
