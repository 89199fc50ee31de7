"""The gRPC server: on the event loop of the REST server, so both share models and threads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio.to_thread

from dovetail.base.errors import UnavailableError
from dovetail.base.extras import require
from dovetail.serving.errors import OverloadedError
from dovetail.serving.grpc.access import Access
from dovetail.serving.grpc.errors import status_of, text_of
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
from dovetail.wire.grpc import HEALTH, REFLECTION, REFLECTION_ALPHA
from dovetail.wire.open_inference.grpc import OPEN_INFERENCE, SERVICE, UNSUPPORTED
from dovetail.wire.protobuf import Protocol

__all__ = ["GrpcServer"]

_HEAD_BYTES = 64 << 10  # what a message may have beside its tensors
_OPEN = ("ServerLive", "ServerReady")
Serve = Callable[[Any, Any], Awaitable[Any]]
IsOpen = bool | Callable[[Any], bool]
ServeMany = Callable[[Any, Any], AsyncIterator[Any]]


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
    ) -> None:
        require("grpc.aio", extra="serving", feature="gRPC")
        self.address = address
        self._handlers, self._waiting = handlers, waiting
        self._watch, self._tokens, self._max_body = watch, tokens, max_body
        self._fleet = fleet
        self._drain_seconds, self._grace_seconds = drain_seconds, grace_seconds
        self._server: Any = None
        self._stopping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen and answer, on the running loop.

        Raises:
            UnavailableError: the port was taken meanwhile.
        """
        import grpc

        self._access = Access(self._tokens())
        self._health = Health(self._handlers, self._waiting)
        # What a message claims to be unpacked counts, so a small one cannot become a large one.
        most = self._max_body + _HEAD_BYTES
        self._server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", int(self.address.shared)),
                ("grpc.max_receive_message_length", most),
                ("grpc.max_send_message_length", -1),
            )
        )
        self._server.add_generic_rpc_handlers(tuple(self._services()))
        try:
            port = self._server.add_insecure_port(str(self.address))
        except RuntimeError as error:
            raise UnavailableError(
                f"gRPC cannot listen on {self.address}",
                why="another server took the port",
                fix="choose another with --grpc-port",
            ) from error
        self.address = self.address.on(port)
        await self._server.start()

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
        await asyncio.sleep(seconds)
        await self._server.stop(self._grace_seconds)

    # The methods of each service

    def _services(self) -> list[Any]:
        import grpc

        tables = {SERVICE: self._inference(), HEALTH.services[0]: self._health_methods()}
        described = (OPEN_INFERENCE, HEALTH, REFLECTION, REFLECTION_ALPHA)
        for one in (REFLECTION, REFLECTION_ALPHA):
            tables[one.services[0]] = self._reflection(one, described)
        return [
            grpc.method_handlers_generic_handler(service, methods)
            for service, methods in tables.items()
        ]

    def _inference(self) -> dict[str, Any]:
        import grpc

        inference, plain = (
            Inference(self._handlers, self._watch),
            Plain(self._handlers, self._waiting),
        )
        found = {
            "ModelInfer": grpc.unary_unary_rpc_method_handler(
                self._one("ModelInfer", inference.infer)
            ),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(
                self._many("ModelStreamInfer", inference.stream)
            ),
        }
        for name, answer in plain.methods().items():
            serve = self._one(name, _at_once(answer), is_open=name in _OPEN)
            found[name] = _of_messages(OPEN_INFERENCE, f"{name}Request", serve)
        for name, change in plain.changes().items():
            serve = self._one(name, _in_thread(change, self._fleet), reads=False)
            found[name] = _of_messages(OPEN_INFERENCE, f"{name}Request", serve)
        for name in UNSUPPORTED:
            found[name] = grpc.unary_unary_rpc_method_handler(_unsupported)
        return found

    def _health_methods(self) -> dict[str, Any]:
        import grpc

        asked = HEALTH.message("HealthCheckRequest").FromString
        (service,) = HEALTH.services
        check = self._one(
            "Check", _at_once(self._health.check), is_open=_is_of_server, service=service
        )
        return {
            "Check": _of_messages(HEALTH, "HealthCheckRequest", check),
            "Watch": grpc.unary_stream_rpc_method_handler(
                self._many(
                    "Watch",
                    lambda one, _: self._health.watch(one),
                    is_open=_is_of_server,
                    service=service,
                    kind="SERVER_STREAMING",
                ),
                asked,
                _written,
            ),
        }

    def _reflection(self, own: Protocol, described: tuple[Protocol, ...]) -> dict[str, Any]:
        import grpc

        reflection = Reflection(own, described)

        async def serve(questions: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:
            async for question in questions:
                yield reflection.answer(question)

        return {
            "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                self._many("ServerReflectionInfo", serve, service=own.services[0]),
                own.message("ServerReflectionRequest").FromString,
                _written,
            )
        }

    # Around every call: who is it, what becomes of an error, and how many were there

    def _one(
        self,
        method: str,
        serve: Serve,
        *,
        reads: bool = True,
        is_open: IsOpen = False,
        service: str = SERVICE,
    ) -> Serve:
        admit = self._access.guard(reads=reads, is_open=is_open)
        counts = GrpcCounts("UNARY", service, method)

        async def answer(asked: Any, context: Any) -> Any:
            began, code = counts.begin(), "OK"
            try:
                if admit is not None:
                    admit(asked, context)
                return await serve(asked, context)
            except BaseException as error:
                code = status_of(error)
                await _abort(context, method, error)
            finally:
                counts.end(code, began)

        return answer

    def _many(
        self,
        method: str,
        serve: ServeMany,
        *,
        is_open: IsOpen = False,
        service: str = SERVICE,
        kind: str = "BIDI_STREAMING",
    ) -> ServeMany:
        admit = self._access.guard(reads=True, is_open=is_open)
        counts = GrpcCounts(kind, service, method)

        async def answer(asked: Any, context: Any) -> AsyncIterator[Any]:
            began, code = counts.begin(), "OK"
            try:
                if admit is not None:
                    admit(asked, context)
                taken = asked if kind == "SERVER_STREAMING" else _noting(asked, counts)
                async for one in serve(taken, context):
                    counts.sent()
                    yield one
            except BaseException as error:
                code = status_of(error)
                await _abort(context, method, error)
            finally:
                counts.end(code, began)

        return answer


async def _abort(context: Any, method: str, error: BaseException) -> None:
    """End a call with the status of an error; what ends it from outside goes on."""
    import grpc

    if not isinstance(error, Exception):
        raise error
    if isinstance(error, OverloadedError):
        seconds = error.retry_after
        context.set_trailing_metadata(  # for people, and for gRPC's own retries
            (("retry-after", str(seconds)), ("grpc-retry-pushback-ms", str(seconds * 1000)))
        )
    await context.abort(grpc.StatusCode[status_of(error)], text_of(error, method))


async def _noting(messages: AsyncIterator[Any], counts: GrpcCounts) -> AsyncIterator[Any]:
    async for message in messages:
        counts.received()
        yield message


def _of_messages(protocol: Protocol, asked: str, serve: Serve) -> Any:
    import grpc

    reader = protocol.message(asked).FromString
    return grpc.unary_unary_rpc_method_handler(serve, reader, _written)


def _written(message: Any) -> bytes:
    written: bytes = message.SerializeToString()
    return written


def _at_once(answer: Callable[[Any], Any]) -> Serve:
    async def serve(asked: Any, _: Any) -> Any:
        return answer(asked)

    return serve


def _in_thread(change: Callable[[Any], Any], fleet: Fleet) -> Serve:
    def changed(asked: Any) -> Any:
        answer = change(asked)
        fleet.settle()
        return answer

    async def serve(asked: Any, _: Any) -> Any:
        return await anyio.to_thread.run_sync(changed, asked)

    return serve


def _is_of_server(asked: Any) -> bool:
    """Whether a question of health is about the server; a probe cannot send a token."""
    return asked.service in ("", SERVICE)


async def _unsupported(_: Any, context: Any) -> None:
    import grpc

    await context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        "this server has neither shared memory nor Triton's trace and log settings. "
        "Send tensors in the message; settings are in dovetail.toml.",
    )
