"""Small calls with events, answered without a route in between.

KServe's logger sends one event a call, so a call costs as much as its event. Large batches are
left to the routes, where they are read in a thread.
"""

import re
from collections.abc import Awaitable

from dovetail.monitoring import intake
from dovetail.monitoring.gathering import Gathering
from dovetail.monitoring.handlers import Monitoring
from dovetail.web.direct import Answer, Ask, Direct
from dovetail.wire.monitoring import EVENTS

__all__ = ["direct_answers"]

_QUICK_BYTES = 16 << 10
_HEADERS = ((b"content-type", b"application/json"),)


def direct_answers(monitoring: Monitoring) -> list[Direct]:
    """Return what takes events in before any route is looked for."""
    gathering = Gathering(monitoring.store, monitoring.clock)

    def handle(ask: Ask) -> Awaitable[Answer] | None:
        if len(ask.body) > _QUICK_BYTES:
            return None
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in ask.headers
            if name.startswith(b"ce-") or name == b"content-type"
        }
        events = intake.decode(headers, ask.body)
        items = monitoring.read(events)
        return later(len(events), items)

    async def later(events: int, items: list[intake.Item]) -> Answer:
        receipt = monitoring.receipt(events, await gathering.add(items))
        body = b'{"accepted":%d,"duplicates":%d,"ignored":%d}' % (
            receipt.accepted,
            receipt.duplicates,
            receipt.ignored,
        )
        return 200, _HEADERS, body

    return [Direct(re.escape(EVENTS), handle)]
