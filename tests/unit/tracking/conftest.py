"""A store on each database to ask use cases of, and a whole server to ask over HTTP."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dovetail.base.artifacts import MemoryStore
from dovetail.base.clock import ManualClock
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import TABLE
from dovetail.tracking.piece import piece
from dovetail.tracking.store import experiments
from dovetail.tracking.store.schema import metadata
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Endpoint

Ask = Callable[[Endpoint[Any, Any], Any], Any]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2013, 4, 1, tzinfo=UTC))


@pytest.fixture
def ask(database_url: str, clock: ManualClock) -> Iterator[Ask]:
    """Ask a use case, on SQLite and on PostgreSQL; the clock moves a millisecond each time."""
    database = Database(database_url, metadata, name="tracking")
    backend = Backend("mlflow-artifacts:/", MemoryStore(), True, clock)
    database.write(lambda c: experiments.ensure_default(c, backend.root, backend.now()))

    def run(endpoint: Endpoint[Any, Any], request: Any) -> Any:
        clock.advance(timedelta(milliseconds=1))
        call = database.read if endpoint.reads else database.write
        return call(lambda c: TABLE[endpoint](backend, c, request))

    yield run
    database.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[httpx.Client]:
    with run_piece(piece, state=tmp_path) as running, httpx.Client(base_url=running.url) as client:
        yield client
