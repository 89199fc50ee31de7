"""`grpc.health.v1`: what Kubernetes and load balancers ask, for the server and for each model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from dovetail.base.errors import DovetailError, NotFoundError
from dovetail.serving.errors import UnknownModelError
from dovetail.serving.handlers import Handlers
from dovetail.wire.grpc import HEALTH
from dovetail.wire.open_inference.grpc import SERVICE

__all__ = ["Health"]

_SERVING, _NOT_SERVING, _UNKNOWN = 1, 2, 3
_LOOK_SECONDS = 0.25


class Health:
    """Answers for the server under the names "" and of the service, and for models under theirs.

    Args:
        handlers: what knows the models.
        waiting: why the server is not ready; None when it is.
    """

    def __init__(self, handlers: Handlers, waiting: Callable[[], str | None]) -> None:
        self._handlers, self._waiting = handlers, waiting
        self._answer = HEALTH.message("HealthCheckResponse")
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Say NOT_SERVING from now on, and end those who watch once they were told."""
        self._draining.set()

    def check(self, asked: Any) -> Any:
        """Answer once.

        Raises:
            NotFoundError: there is no such model.
        """
        status = self._status(asked.service)
        if status == _UNKNOWN:
            raise NotFoundError(
                f"no service or model is named {asked.service!r}",
                fix=f'ask for a model, for "" or for {SERVICE}',
            )
        return self._answer(status=status)

    async def watch(self, asked: Any) -> AsyncIterator[Any]:
        """Answer at once, and again whenever the answer changes."""
        told = None
        while True:
            status = self._status(asked.service)
            if status != told:
                told = status
                yield self._answer(status=status)
            if self._draining.is_set():
                return
            try:
                await asyncio.wait_for(self._draining.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue

    def _status(self, service: str) -> int:
        if self._draining.is_set():
            return _NOT_SERVING
        if service in ("", SERVICE):
            return _SERVING if self._waiting() is None else _NOT_SERVING
        try:
            self._handlers.ready(service)
        except UnknownModelError as error:
            return _NOT_SERVING if error.unloaded else _UNKNOWN
        except DovetailError:
            return _NOT_SERVING
        return _SERVING
