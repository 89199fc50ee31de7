"""Any set of built pieces as one ASGI app on one address.

The protocols' paths do not clash, so routes are simply put side by side. Around them: who is
calling, errors in the right shape, health, readiness, metrics, static files and the login page.
"""

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import anyio.to_thread
import prometheus_client
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.web import pages
from dovetail.web.auth import AuthMiddleware, Gate, Tokens
from dovetail.web.direct_table import DirectTable
from dovetail.web.inprocess import InProcessTransport
from dovetail.web.login import login_routes
from dovetail.web.piece import Page, Piece, Service
from dovetail.web.problems import ErrorRenderer
from dovetail.web.routing import Index
from dovetail.wire.http import WireError

__all__ = ["Mounted", "create_app"]

log = telemetry.logger("web")
THREADS = 64


@dataclass(frozen=True)
class Mounted:
    """A piece and the service that it was built into."""

    piece: Piece
    service: Service


def create_app(
    mounted: Sequence[Mounted],
    *,
    transport: InProcessTransport,
    tokens: Tokens | None = None,
    routes: Sequence[BaseRoute] = (),
    nav: Sequence[Page] = (),
) -> Starlette:
    """Put services on one address.

    Args:
        mounted: the pieces, in the order of the navigation; on equal paths the first wins.
        transport: attached to the app when it starts, so that pieces reach each other.
        tokens: where API tokens are checked; None means loopback without authentication.
        routes: routes of the composition itself, before those of the pieces.
        nav: navigation entries before those of the pieces.
    """
    services = [m.service for m in mounted]
    renderer = ErrorRenderer([shape for s in services for shape in s.errors])
    found = [
        *routes,
        Route("/healthz", _alive),
        Route("/readyz", _readiness(mounted)),
        Route("/metrics", _metrics),
        *pages.routes(),
        *(login_routes(tokens) if tokens is not None else ()),
        *(route for s in services for route in s.routes),
    ]
    gate = Gate(
        tokens,
        reads=[pattern for s in services for pattern in s.reads],
        opened=[pattern for s in services for pattern in s.open],
    )
    app = Starlette(
        routes=[Index(found)],
        middleware=[Middleware(AuthMiddleware, gate=gate, renderer=renderer)],
        exception_handlers=dict.fromkeys(
            (DovetailError, WireError, ValueError, 404, 405, Exception), renderer.handle
        ),
        lifespan=_lifespan(mounted, transport),
    )
    app.state.nav = [*nav, *(page for s in services for page in s.pages)]
    app.state.mounted = list(mounted)
    app.state.direct = DirectTable([one for s in services for one in s.direct], gate, renderer)
    return app


def _lifespan(
    mounted: Sequence[Mounted], transport: InProcessTransport
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        transport.attach(app, asyncio.get_running_loop())
        for one in mounted:
            if one.service.enter is not None:
                await one.service.enter()
        starters = threading.Thread(target=_start, args=(mounted,), name="start", daemon=True)
        starters.start()
        try:
            yield
        finally:
            for one in reversed(mounted):
                if one.service.stop is not None:
                    await anyio.to_thread.run_sync(one.service.stop)

    return life


def _start(mounted: Sequence[Mounted]) -> None:
    """Run the start hooks; one that fails is reported and does not take the others down."""
    for one in mounted:
        if one.service.start is None:
            continue
        try:
            one.service.start()
        except Exception as error:
            log.error("start failed", failed=one.piece.name, error=str(error), exc_info=error)


async def _alive(_: Request) -> Response:
    """Say that the process lives."""
    return JSONResponse({"status": "alive"})


def _readiness(mounted: Sequence[Mounted]) -> Callable[[Request], Response]:
    def ready(request: Request) -> Response:
        """Say whether every piece is ready, and if not, why."""
        if getattr(request.app.state, "draining", False):
            body = {"status": "ending", "reasons": {"server": "it was told to stop"}}
            return JSONResponse(body, 503)
        reasons = {
            one.piece.name: reason
            for one in mounted
            if one.service.ready is not None and (reason := one.service.ready()) is not None
        }
        status = "waiting" if reasons else "ready"
        return JSONResponse({"status": status, "reasons": reasons}, 503 if reasons else 200)

    return ready


def _metrics(request: Request) -> Response:
    """Return every metric in Prometheus's text format; in a thread, because there can be many."""
    body = prometheus_client.generate_latest()
    headers = {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=prometheus_client.CONTENT_TYPE_LATEST, headers=headers)
