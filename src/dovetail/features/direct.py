"""Lookups answered without a route in between: they only read memory.

What is large, or asked for as Arrow, is left to the routes, and so is everything while the online
store is being loaded.
"""

from dovetail.features.handlers import Handlers
from dovetail.web.direct import Answer, Ask, Direct

__all__ = ["direct_answers"]

HEAD = ((b"content-type", b"application/json"),)


def direct_answers(handlers: Handlers) -> list[Direct]:
    """Return what answers lookups before any route is looked for."""
    engine, look_up = handlers.engine, handlers.look_up

    def answer(ask: Ask) -> Answer | None:
        if not engine.is_instant:
            return None
        for name, value in ask.headers:
            if name in (b"content-type", b"accept") and b"arrow" in value:
                return None
        return 200, HEAD, look_up(ask.body)

    return [Direct("/get-online-features", answer)]
