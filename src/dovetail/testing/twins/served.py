"""Twins on one address, as embedded pieces are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from dovetail.web.serve import RunningApp, serve_in_thread

__all__ = ["Twin", "serve"]


class Twin(Protocol):
    """What is served."""

    def routes(self) -> Sequence[BaseRoute]:
        """Return the paths that it answers."""


@contextmanager
def serve(*twins: Twin) -> Iterator[RunningApp]:
    """Serve twins together from a thread, on a free port.

    Args:
        twins: their paths must not clash; the joints' paths do not.
    """
    app = Starlette(routes=[route for twin in twins for route in twin.routes()])
    with serve_in_thread(app) as running:
        yield running
