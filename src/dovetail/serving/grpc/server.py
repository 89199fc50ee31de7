"""The gRPC server: on the event loop of the REST server, so both share models and threads."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import anyio.to_thread

from dovetail.base.errors import UnavailableError
from dovetail.base.extras import require
from dovetail.serving.errors import BadRequestError
from dovetail.serving.grpc.access import Access
from dovetail.serving.grpc.calls import Call, Method
from dovetail.serving.grpc.connection import Connection
from dovetail.serving.grpc.errors import CallError, status_of
from dovetail.serving.grpc.health import Health
from dovetail.serving.grpc.inference import Inference
from dovetail.serving.grpc.plain import Plain
from dovetail.serving.grpc.ports import Address
from dovetail.serving.grpc.reflection import Reflection
from dovetail.serving.handlers import Handlers
from dovetail.serving.transports import GrpcCounts
from dovetail.serving.watch import Watch
from dovetail.serving.workers import Fleet
from dovetail.web.auth import Tokens
from dovetail.web.serve import bind
from dovetail.web.tls import Tls
from dovetail.wire.grpc import HEALTH, REFLECTION, REFLECTION_ALPHA
from dovetail.wire.open_inference.grpc import OPEN_INFERENCE, SERVICE, UNSUPPORTED
from dovetail.wire.protobuf import Protocol

__all__ = ["GrpcServer"]

_HEAD_BYTES = 64 << 10  # what a message may have beside its tensors
_OPEN = ("ServerLive", "ServerReady")
_BACKLOG = 2048
_WARNED_SECONDS = 0.1  # in which calls arrive that were sent before the client was told to go
_TICK = 0.02
Serve = Callable[[bytes, Call], bytes | Awaitable[bytes]]
IsOpen = bool | Callable[[bytes], bool]
ServeMany = Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]]
Named = tuple[bytes, Method]


class GrpcServer:
    """Answers the Open Inference Protocol, health and reflection.

    Args:
        address: where to listen.
        handlers: what answers.
        waiting: why the server is not ready; None when it is.
        watch: who watches requests; None for nobody.
        fleet: the other processes of this server, which hold a change before it is acknowledged.
        tokens: gives where API tokens are checked; None means that everybody may do everything.
        max_body: largest message in bytes, unpacked.
        drain_seconds: how long new calls are still taken once the server is told to stop.
        grace_seconds: how long it waits for running calls then, at most.
        tls: the certificate; None for no TLS.
    """

    def __init__(
        self,
        address: Address,
        handlers: Handlers,
        waiting: Callable[[], str | None],
        *,
        watch: Watch | None,
        fleet: Fleet,
        tokens: Callable[[], Tokens | None],
        max_body: int,
        drain_seconds: float,
        grace_seconds: float,
        tls: Tls | None = None,
    ) -> None:
        require("google.protobuf", extra="serving", feature="gRPC")
        self.address = address
        self._handlers, self._waiting = handlers, waiting
        self._watch, self._tokens = watch, tokens
        # What a message claims to be unpacked counts, so a small one cannot become a large one.
        self._most = max_body + _HEAD_BYTES
        self._fleet, self._tls = fleet, tls
        self._drain_seconds, self._grace_seconds = drain_seconds, grace_seconds
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._stopping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen and answer, on the running loop.

        Raises:
            UnavailableError: the port was taken meanwhile.
        """
        self._access = Access(self._tokens())
        self._health = Health(self._handlers, self._waiting)
        methods = self._methods()
        try:
            listening = bind(self.address.host, self.address.port, shared=self.address.shared)
        except UnavailableError as error:
            raise UnavailableError(
                f"gRPC cannot listen on {self.address}",
                why=error.why,
                fix="choose another with --grpc-port",
            ) from error
        self.address = self.address.on(listening.getsockname()[1])

        def connect() -> Connection:
            connection = Connection(methods, self._most, self._connections.discard)
            self._connections.add(connection)
            return connection

        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            connect,
            sock=listening,
            backlog=_BACKLOG,
            ssl=None if self._tls is None else self._tls.context("h2"),
        )

    def drain(self) -> None:
        """Say NOT_SERVING, take calls a while yet, then let the running ones finish."""
        if self._server is not None and self._stopping is None:
            self._health.drain()
            self._stopping = asyncio.ensure_future(self._end(self._drain_seconds))

    async def stop(self) -> None:
        """Take no further calls, and return when the last one has ended."""
        if self._server is not None:
            self._health.drain()
            await self._end(0.0)
        if self._stopping is not None:
            await self._stopping

    async def _end(self, seconds: float) -> None:
        """Take new calls for some seconds yet; then wait for those that run."""
        await asyncio.sleep(seconds)
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.warn()
        await asyncio.sleep(_WARNED_SECONDS)
        for connection in list(self._connections):
            connection.leave()
        end = time.monotonic() + self._grace_seconds
        while self._connections and time.monotonic() < end:
            await asyncio.sleep(_TICK)
        for connection in list(self._connections):
            connection.cut()

    # The methods of each service

    def _methods(self) -> dict[bytes, Method]:
        described = (OPEN_INFERENCE, HEALTH, REFLECTION, REFLECTION_ALPHA)
        found = [*self._inference(), *self._health_methods()]
        for one in (REFLECTION, REFLECTION_ALPHA):
            found.append(self._reflection(one, described))
        return dict(found)

    def _inference(self) -> Iterator[Named]:
        inference = Inference(self._handlers, self._watch)
        plain = Plain(self._handlers, self._waiting)
        yield self._one("ModelInfer", inference.infer)
        yield self._many("ModelStreamInfer", inference.stream)
        for name, answer in plain.methods().items():
            reads = _messages(OPEN_INFERENCE, name, answer)
            yield self._one(name, reads, is_open=name in _OPEN)
        for name, change in plain.changes().items():
            changes = _messages(OPEN_INFERENCE, name, change)
            yield self._one(name, _in_thread(changes, self._fleet), reads=False)
        for name in UNSUPPORTED:
            yield _path(SERVICE, name), Method(name, serve=_unsupported)

    def _health_methods(self) -> Iterator[Named]:
        asked = HEALTH.message("HealthCheckRequest").FromString
        (service,) = HEALTH.services
        check = _messages(HEALTH, "HealthCheck", self._health.check)

        async def watch(bodies: AsyncIterator[bytes], _: Call) -> AsyncIterator[bytes]:
            async for body in bodies:
                async for answer in self._health.watch(asked(body)):
                    yield answer.SerializeToString()

        yield self._one("Check", check, is_open=_is_of_server, service=service)
        yield self._many(
            "Watch", watch, is_open=_is_of_server, service=service, kind="SERVER_STREAMING"
        )

    def _reflection(self, own: Protocol, described: tuple[Protocol, ...]) -> Named:
        reflection = Reflection(own, described)
        reader = own.message("ServerReflectionRequest").FromString

        async def serve(bodies: AsyncIterator[bytes], _: Call) -> AsyncIterator[bytes]:
            async for body in bodies:
                yield reflection.answer(reader(body)).SerializeToString()

        return self._many("ServerReflectionInfo", serve, service=own.services[0])

    # Around every call: who is it, and how many were there

    def _one(
        self,
        method: str,
        serve: Serve,
        *,
        reads: bool = True,
        is_open: IsOpen = False,
        service: str = SERVICE,
    ) -> Named:
        admit = self._access.guard(reads=reads, is_open=is_open)
        counts = GrpcCounts("UNARY", service, method)

        def answer(body: bytes, call: Call) -> bytes | Awaitable[bytes]:
            began = counts.begin()
            try:
                if admit is not None:
                    admit(body, call)
                found = serve(body, call)
            except Exception as error:
                counts.end(status_of(error), began)
                raise
            if isinstance(found, bytes):
                counts.end("OK", began)
                return found
            return later(found, began)

        async def later(found: Awaitable[bytes], began: int) -> bytes:
            code = "OK"
            try:
                return await found
            except BaseException as error:
                code = status_of(error)
                raise
            finally:
                counts.end(code, began)

        return _path(service, method), Method(method, serve=answer)

    def _many(
        self,
        method: str,
        serve: ServeMany,
        *,
        is_open: IsOpen = False,
        service: str = SERVICE,
        kind: str = "BIDI_STREAMING",
    ) -> Named:
        admit = self._access.guard(reads=True, is_open=is_open)
        counts = GrpcCounts(kind, service, method)

        async def answer(bodies: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
            began, code = counts.begin(), "OK"

            async def taken() -> AsyncIterator[bytes]:
                async for body in bodies:
                    if kind == "BIDI_STREAMING":
                        counts.received()
                    elif admit is not None:
                        admit(body, call)
                    yield body

            try:
                if admit is not None and kind == "BIDI_STREAMING":
                    admit(b"", call)
                async for one in serve(taken(), call):
                    counts.sent()
                    yield one
            except BaseException as error:
                code = status_of(error)
                raise
            finally:
                counts.end(code, began)

        return _path(service, method), Method(method, stream=answer)


def _path(service: str, method: str) -> bytes:
    return f"/{service}/{method}".encode()


def _messages(protocol: Protocol, name: str, answer: Callable[[Any], Any]) -> Serve:
    """Return what reads the request of a method, and writes its answer."""
    reader = protocol.message(f"{name}Request").FromString

    def serve(body: bytes, _: Call) -> bytes:
        from google.protobuf.message import DecodeError

        try:
            asked = reader(body)
        except DecodeError as error:
            raise BadRequestError(f"the message is not a {name}Request") from error
        written: bytes = answer(asked).SerializeToString()
        return written

    return serve


def _in_thread(change: Serve, fleet: Fleet) -> Serve:
    def changed(body: bytes, call: Call) -> bytes:
        answer = change(body, call)
        fleet.settle()
        assert isinstance(answer, bytes)
        return answer

    async def serve(body: bytes, call: Call) -> bytes:
        return await anyio.to_thread.run_sync(changed, body, call)

    return serve


def _is_of_server(body: bytes) -> bool:
    """Whether a question of health is about the server; a probe cannot send a token."""
    asked = HEALTH.message("HealthCheckRequest")
    return body in (b"", asked(service=SERVICE).SerializeToString())


def _unsupported(_: bytes, __: Call) -> bytes:
    raise CallError(
        "UNIMPLEMENTED",
        "this server has neither shared memory nor Triton's trace and log settings. "
        "Send tensors in the message; settings are in dovetail.toml.",
    )
