"""What a piece is: the one object that the app finds through the `dovetail.pieces` entry point.

A piece gives its name, its settings and `build`, which turns a `Context` into a `Service`: routes,
pages, error shapes and what to do at start and stop. The app mounts any set of services on one
address; `dovetail.web.serve.run_alone` mounts a single one.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import httpx
import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.base.clock import Clock
from dovetail.base.settings import ServerSettings
from dovetail.web.direct import Direct

if TYPE_CHECKING:
    from dovetail.web.auth import Tokens

__all__ = ["Attention", "Context", "Endpoint", "ErrorShape", "Page", "Piece", "Service"]

C_co = TypeVar("C_co", covariant=True)


class ClientType(Protocol[C_co]):
    """The constructor that every client in `dovetail.wire` has."""

    def __call__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        token: str | None = None,
        timeout: float = 30.0,
    ) -> C_co:
        """Make a client."""


@dataclass(frozen=True)
class Endpoint:
    """Where a joint is answered.

    Attributes:
        url: base URL.
        transport: how to reach it; None means over the network.
        token: bearer token, if one is configured.
        embedded: whether our own piece answers.
    """

    url: str
    transport: httpx.BaseTransport | None = None
    token: str | None = None
    embedded: bool = False

    def open(self, client: ClientType[C_co], *, timeout: float = 30.0) -> C_co:
        """Return a client for this endpoint."""
        return client(self.url, transport=self.transport, token=self.token, timeout=timeout)


@dataclass(frozen=True)
class Context:
    """What a piece is given when it is built.

    Attributes:
        state: folder for the piece's files.
        database_url: the database for a piece's name.
        connect: the endpoint that fills a joint; an embedded one may be used from any thread but
            the event loop's, once the server listens.
        joint: what `dovetail.toml` says of a joint: `embedded`, `off` or a URL.
        clock: what time it is.
        server: the table `[server]`, for a piece that listens elsewhere too.
        tokens: the API tokens; None where everybody is the local user.
    """

    state: Path
    database_url: Callable[[str], str]
    connect: Callable[[str], Endpoint]
    joint: Callable[[str], str]
    clock: Clock
    server: ServerSettings
    tokens: "Callable[[], Tokens | None]" = lambda: None


@dataclass(frozen=True)
class Page:
    """An entry of the navigation.

    Attributes:
        path: where the page is.
        title: what the navigation says.
    """

    path: str
    title: str


@dataclass(frozen=True)
class ErrorShape:
    """How errors below some paths are written, where a protocol says so.

    Attributes:
        prefixes: path prefixes.
        render: turns any exception into a response.
    """

    prefixes: tuple[str, ...]
    render: Callable[[Exception], Response]


@dataclass(frozen=True)
class Attention:
    """Something that a person should look at, shown on the first page.

    Attributes:
        level: how urgent it is.
        text: one sentence.
        href: where the evidence is.
    """

    level: Literal["info", "warn", "alarm"]
    text: str
    href: str


@dataclass
class Service:
    """A built piece, ready to be mounted.

    Attributes:
        routes: Starlette routes; plain functions run in a thread pool.
        pages: entries of the navigation.
        errors: protocol-shaped errors.
        reads: regular expressions of paths whose POST only reads, so that a viewer may call it.
        open: regular expressions of paths that need no token: they carry a proof of their own.
        direct: functions that answer hot POST requests before any route is looked for.
        start: called in a thread once the server listens.
        enter: awaited on the event loop before the server answers, to listen elsewhere too.
        drain: called on the event loop when the server is told to stop: take nothing new.
        addresses: where it answers besides the app's address, once it does: protocol to
            `host:port`.
        stop: called in a thread before the server ends; `anyio.from_thread.run` reaches the loop.
        ready: None when ready, else why not.
        attention: what to show on the first page.
    """

    routes: Sequence[BaseRoute]
    pages: Sequence[Page] = ()
    errors: Sequence[ErrorShape] = ()
    reads: Sequence[str] = ()
    open: Sequence[str] = ()
    direct: Sequence[Direct] = ()
    start: Callable[[], None] | None = None
    enter: Callable[[], Awaitable[None]] | None = None
    drain: Callable[[], None] | None = None
    addresses: Callable[[], Mapping[str, str]] | None = None
    stop: Callable[[], None] | None = None
    ready: Callable[[], str | None] | None = None
    attention: Callable[[], Sequence[Attention]] | None = None


@dataclass(frozen=True)
class Piece:
    """One stage of the life cycle.

    Attributes:
        name: the room and the entry point, for example `serving`.
        title: what people read.
        job: one line on what it does.
        joint: the open protocol that it serves.
        settings: its table in `dovetail.toml`.
        build: makes the service from a context and the settings.
        tables: further tables of `dovetail.toml` that belong to it.
    """

    name: str
    title: str
    job: str
    joint: str
    settings: type[msgspec.Struct]
    build: Callable[[Context, Any], Service]
    tables: tuple[str, ...] = field(default=())
