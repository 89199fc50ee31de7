"""What the transports count: requests over REST and calls over gRPC.

Names and labels are those that MLServer's `/metrics` has, so the routes are labelled with the
templates that MLServer writes. A label is always one of a route's own words: what a client makes
up (an unknown path, method or model) never becomes a series.
"""

import time
from bisect import bisect_left
from collections.abc import Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dovetail.serving.counters import BOARD, Block
from dovetail.web.problems import status_of

__all__ = [
    "GRPC",
    "GRPC_CODES",
    "REST",
    "REST_ACTIVE",
    "SECONDS_NS",
    "GrpcCounts",
    "RestCounts",
    "counted",
]

REST, REST_ACTIVE, GRPC, GRPC_CODES = "rest", "rest_active", "grpc", "grpc_codes"

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
SECONDS_NS = tuple(round(bound * 1e9) for bound in SECONDS)
"""Upper bounds of the histograms: prometheus_client's, which MLServer leaves as they are."""

STARTED, RECEIVED, SENT, CALLS, CALLS_NS, FIRST_BUCKET = range(6)
_GRPC_SIZE = FIRST_BUCKET + len(SECONDS_NS) + 1
_REST_SIZE = 2 + len(SECONDS_NS) + 1


class RestCounts:
    """Requests of one route over REST; used on the event loop only, so it takes no lock.

    Args:
        method: of HTTP.
        path: the template of the route; as MLServer writes it in `path` of this.
    """

    def __init__(self, method: str, path: str) -> None:
        self._method = method
        self.path = path.replace("{model}", "{model_name}").replace("{version}", "{model_version}")
        self._by_status: dict[int, Block] = {}
        self._active = BOARD.take(REST_ACTIVE, (method,), 1, (0,)).cells

    def begin(self) -> int:
        """Count a request that has come, and return the time for `end`."""
        self._active[0] += 1
        return time.perf_counter_ns()

    def end(self, status: int, began: int) -> None:
        """Count a request that was answered.

        Args:
            status: of the answer.
            began: from `begin`.
        """
        ns = time.perf_counter_ns() - began
        self._active[0] -= 1
        block = self._by_status.get(status)
        if block is None:
            labels = (self._method, self.path, str(status))
            block = self._by_status[status] = BOARD.take(REST, labels, _REST_SIZE)
        cells = block.cells
        cells[0] += 1
        cells[1] += ns
        cells[2 + bisect_left(SECONDS_NS, ns)] += 1


class GrpcCounts:
    """Calls of one method over gRPC.

    Args:
        kind: `UNARY` or `BIDI_STREAMING`, as py-grpc-prometheus says.
        service: for example `inference.GRPCInferenceService`.
        method: for example `ModelInfer`.
    """

    def __init__(self, kind: str, service: str, method: str) -> None:
        self._labels = (kind, service, method)
        self._block = BOARD.take(GRPC, self._labels, _GRPC_SIZE)
        self._codes: dict[str, Block] = {}

    def begin(self) -> int:
        """Count a call that has come, and return the time for `end`."""
        with self._block.lock:
            self._block.cells[STARTED] += 1
        return time.perf_counter_ns()

    def end(self, code: str, began: int) -> None:
        """Count a call that was answered.

        Args:
            code: the name of its status, for example `NOT_FOUND`.
            began: from `begin`.
        """
        ns = time.perf_counter_ns() - began
        block = self._codes.get(code)
        if block is None:
            block = BOARD.take(GRPC_CODES, (*self._labels, code), 1)
            self._codes[code] = block
        cells = self._block.cells
        with self._block.lock:
            block.cells[0] += 1
            cells[CALLS] += 1
            cells[CALLS_NS] += ns
            cells[FIRST_BUCKET + bisect_left(SECONDS_NS, ns)] += 1

    def received(self) -> None:
        """Count a message of a stream that came."""
        with self._block.lock:
            self._block.cells[RECEIVED] += 1

    def sent(self) -> None:
        """Count a message of a stream that went."""
        with self._block.lock:
            self._block.cells[SENT] += 1


def counted(routes: Sequence[BaseRoute]) -> Sequence[BaseRoute]:
    """Have the requests of routes counted, each under its own template; not those of probes."""
    for route in routes:
        if isinstance(route, Route) and not route.path.startswith("/v2/health/"):
            methods = (route.methods or {"GET"}) - {"HEAD"}
            route.app = _Counted(route.app, RestCounts(sorted(methods)[0], route.path))
    return routes


class _Counted:
    """An ASGI application whose requests are counted.

    Args:
        app: the application.
        counts: where they are counted.
    """

    def __init__(self, app: ASGIApp, counts: RestCounts) -> None:
        self._app, self._counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = self._counts.begin(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            status = status_of(error)
            raise
        finally:
            self._counts.end(status, began)
