"""The writes of training scripts, answered without a route in between.

They come one by one and by the thousand, and each touches a few rows.
"""

import re
from typing import Any

from dovetail.base.promise import Promise
from dovetail.tracking.handlers import TABLE
from dovetail.tracking.routes.protocol import Operations, read_message
from dovetail.web.direct import Answer, Ask, Direct
from dovetail.wire.mlflow import AJAX_PREFIX, PREFIX, PREVIEW_PREFIX, Endpoint, endpoints

__all__ = ["direct_answers"]

_QUICK = (
    endpoints.CREATE_RUN,
    endpoints.UPDATE_RUN,
    endpoints.LOG_METRIC,
    endpoints.LOG_PARAM,
    endpoints.LOG_BATCH,
    endpoints.SET_TAG,
    endpoints.DELETE_TAG,
)
_QUICK_BYTES = 4 << 10  # about forty points: a millisecond, which the loop can spare


def direct_answers(operations: Operations) -> list[Direct]:
    """Return what answers the writes of training scripts without a route in between."""

    def direct(prefix: str, endpoint: Endpoint[Any, Any]) -> Direct:
        handler = TABLE[endpoint]

        def handle(ask: Ask) -> Promise[Answer] | None:
            if len(ask.body) > _QUICK_BYTES:
                return None
            request = read_message(endpoint, ask.body)
            return operations.run_quick(handler, request, ask.principal.name)

        return Direct(re.escape(f"{prefix}{endpoint.path}"), handle)

    prefixes = (PREFIX, AJAX_PREFIX, PREVIEW_PREFIX)
    return [direct(prefix, one) for prefix in prefixes for one in _QUICK]
