"""Small calls with events, answered without a route in between.

KServe's logger sends one event a call, so a call costs as much as its event. Large batches are
left to the routes, where they are read in a thread.
"""

import re
from collections.abc import Awaitable
from functools import lru_cache

from dovetail.base.clock import now_ms
from dovetail.monitoring import intake
from dovetail.monitoring.gathering import Gathering
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.quick import read_quick
from dovetail.monitoring.store import Stored
from dovetail.web.direct import Answer, Ask, Direct
from dovetail.wire.monitoring import EVENTS

__all__ = ["direct_answers"]

_QUICK_BYTES = 16 << 10
_HEADERS = ((b"content-type", b"application/json"),)


def direct_answers(monitoring: Monitoring) -> list[Direct]:
    """Return what takes events in before any route is looked for."""
    gathering = Gathering(monitoring.store, monitoring.clock, _answer)

    def handle(ask: Ask) -> Awaitable[Answer] | None:
        if len(ask.body) > _QUICK_BYTES:
            return None
        item = read_quick(ask.headers, ask.body)
        if item is not None:
            monitoring.feeds.saw((item,), now_ms(monitoring.clock))
            return gathering.add([item])
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in ask.headers
            if name.startswith(b"ce-") or name == b"content-type"
        }
        events = intake.decode(headers, ask.body)
        items = monitoring.read(events)
        return gathering.add(items, len(events) - len(items))

    return [Direct(re.escape(EVENTS), handle)]


@lru_cache(maxsize=256)
def _written(accepted: int, duplicates: int, ignored: int) -> Answer:
    said = (accepted, duplicates, ignored)
    return 200, _HEADERS, b'{"accepted":%d,"duplicates":%d,"ignored":%d}' % said


def _answer(stored: Stored, ignored: int) -> Answer:
    return _written(stored.accepted, stored.duplicates, ignored)
