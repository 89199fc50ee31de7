"""One piece as a server of its own, and what the app and a lone piece set up alike."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.base import telemetry
from dovetail.base.clock import Clock, SystemClock
from dovetail.base.errors import UnavailableError
from dovetail.base.settings import ServerSettings
from dovetail.web.app import Mounted, create_app
from dovetail.web.auth import LOOPBACK, Tokens
from dovetail.web.inprocess import InProcessTransport
from dovetail.web.piece import Context, Endpoint, Piece, Service
from dovetail.web.serve import (
    RunningApp,
    addresses_of,
    bind,
    said,
    serve,
    serve_in_thread,
    url_of,
)
from dovetail.web.tls import Tls

__all__ = ["Surroundings", "run_alone", "run_piece"]

OWN_ADDRESS = "http://127.0.0.1"


class Surroundings:
    """What pieces are built with: state, databases, the other joints, the clock.

    Args:
        server: host, port, state folder, database.
        joints: for each joint `embedded`, `off` or a URL; absent means `off`.
        clock: what time it is.
        tokens: bearer tokens for joints that are URLs.
    """

    def __init__(
        self,
        server: ServerSettings,
        joints: Mapping[str, str],
        clock: Clock | None = None,
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        self.server, self.joints = server, dict(joints)
        self.clock = clock or SystemClock()
        self.transport = InProcessTransport("dovetail")
        self._bearer = dict(tokens or {})
        self._tokens: Tokens | None = None

    @property
    def state(self) -> Path:
        """The state folder."""
        return Path(self.server.state)

    def database_url(self, name: str) -> str:
        """Return the database of a piece."""
        if self.server.database:
            return self.server.database
        file = (self.state / f"{name}.db").absolute()
        return f"sqlite:///{file}?synchronous={self.server.synchronous}"

    def connect(self, joint: str) -> Endpoint:
        """Return what fills a joint.

        Raises:
            UnavailableError: the joint is off.
        """
        said = self.joints.get(joint, "off")
        if said == "embedded":
            return Endpoint(OWN_ADDRESS, self.transport, embedded=True)
        if said == "off":
            raise UnavailableError(
                f"the joint {joint!r} is off",
                fix=f'set {joint} = "embedded" or a URL under [joints] in dovetail.toml',
            )
        return Endpoint(said, token=self._bearer.get(joint))

    def context(self) -> Context:
        """Return what a piece's `build` is given."""
        self.state.mkdir(parents=True, exist_ok=True)
        return Context(
            state=self.state,
            database_url=self.database_url,
            connect=self.connect,
            joint=lambda name: self.joints.get(name, "off"),
            clock=self.clock,
            server=self.server,
            tokens=self.tokens,
        )

    def tokens(self) -> Tokens | None:
        """Return the token store if callers must prove who they are; one for all that ask."""
        if self.server.host in LOOPBACK and not self.server.auth:
            return None
        if self._tokens is None:
            self.state.mkdir(parents=True, exist_ok=True)
            anonymous = self.server.anonymous or None
            self._tokens = Tokens(self.database_url("web"), anonymous=anonymous)
        return self._tokens


def _front(service: Service) -> list[BaseRoute]:
    """Return the way from the bare address to the piece's own first page."""
    if not service.pages:
        return []
    first = service.pages[0].path

    def front(_: Request) -> Response:
        """Lead to the first page."""
        return RedirectResponse(first)

    return [Route("/", front)]


def build_alone(piece: Piece, settings: msgspec.Struct, around: Surroundings) -> Starlette:
    """Return the app of a single piece."""
    service = piece.build(around.context(), settings)
    return create_app(
        [Mounted(piece, service)],
        transport=around.transport,
        tokens=around.tokens(),
        routes=_front(service),
    )


def run_alone(
    piece: Piece,
    settings: msgspec.Struct,
    server: ServerSettings,
    joints: Mapping[str, str] | None = None,
    bearer: Mapping[str, str] | None = None,
) -> None:
    """Serve one piece until the process is told to stop; the commands' `run` verb.

    Args:
        piece: which one.
        settings: its own settings.
        server: host, port and state folder.
        joints: URLs of other joints that the piece uses.
        bearer: bearer tokens for those joints.
    """
    telemetry.configure_logs(server.log_level)
    tls = Tls.of(server)
    listening = bind(server.host, server.port)
    around = Surroundings(server, {piece.name: "embedded", **(joints or {})}, tokens=bearer)
    app = build_alone(piece, settings, around)
    serve(
        app,
        listening,
        lambda: print(
            f"{piece.title} answers on "
            + said(url_of(listening, secure=tls is not None), addresses_of(app)),
            file=sys.stderr,
            flush=True,
        ),
        drain_seconds=server.drain_seconds,
        grace_seconds=server.grace_seconds,
        tls=tls,
    )


@contextmanager
def run_piece(
    piece: Piece,
    settings: msgspec.Struct | None = None,
    *,
    state: Path,
    joints: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    port: int = 0,
    **server: Any,
) -> Iterator[RunningApp]:
    """Serve one piece from a thread, for tests and notebooks.

    Args:
        piece: which one.
        settings: its own settings; its defaults if None.
        state: folder for its files.
        joints: URLs of other joints that the piece uses.
        clock: what time it is.
        port: where; 0 means a free one.
        server: further fields of `ServerSettings`, for example `database` or `auth`.
    """
    chosen = ServerSettings(port=port, state=str(state), **server)
    around = Surroundings(chosen, {piece.name: "embedded", **(joints or {})}, clock)
    app = build_alone(piece, settings if settings is not None else piece.settings(), around)
    with serve_in_thread(app, port=port, tls=Tls.of(chosen)) as running:
        yield running
