"""A payload log in miniature: what serving and a client with outcomes would send."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from dovetail.monitoring.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.cloudevents import Event, encode_batch
from dovetail.wire.monitoring import Client

PREFIX = "org.kubeflow.serving.inference."


class Log:
    """Makes events of one model."""

    def __init__(self, model: str = "flights") -> None:
        self.model = model

    def request(
        self, request_id: str, features, *, columns=None, at=None, role=None, **more
    ) -> Event:
        rows = [list(row) for row in features]
        flat = [value for row in rows for value in row]
        shape = [len(rows), len(rows[0])]
        parameters: dict[str, Any] = {"event_time": at} if at else {}
        parameters |= {"columns": columns} if columns else {}
        body = {
            "id": request_id,
            "inputs": [{"name": "input", "shape": shape, "datatype": "FP64", "data": flat}],
            "parameters": parameters,
        }
        return self._event("request", request_id, body, role, at, **more)

    def response(
        self, request_id: str, scores, *, version="1", at=None, role=None, **more
    ) -> Event:
        output = {"name": "p", "shape": [len(scores)], "datatype": "FP64", "data": list(scores)}
        body = {
            "id": request_id,
            "model_name": self.model,
            "model_version": version,
            "outputs": [output],
        }
        return self._event("response", request_id, body, role, at, **more)

    def outcomes(self, event_id: str, values: dict[tuple[str, int], float], *, at=None) -> Event:
        data = {
            "model": self.model,
            "outcomes": [
                {"request_id": name, "row": row, "value": value}
                for (name, row), value in values.items()
            ],
        }
        return Event(
            id=event_id,
            source="/landings",
            type="dev.dovetail.outcome",
            time=moment(at or "2013-04-01T23:00:00Z"),
            data=data,
        )

    def _event(self, kind, request_id, body, role, at, source="http://serving") -> Event:
        extensions = {"inferenceservicename": self.model}
        return Event(
            id=request_id,
            source=source,
            type=PREFIX + kind,
            time=moment(at or "2013-04-01T06:00:00Z"),
            data=body,
            extensions=extensions | ({"inferencerole": role} if role else {}),
        )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass
class Server:
    """A running piece and ways to call it."""

    http: httpx.Client
    addresses: Mapping[str, str] = field(default_factory=dict)
    client: Client | None = None

    def send(self, *events: Event) -> dict[str, Any]:
        headers, body = encode_batch(list(events))
        return self.good(self.http.post("/monitoring/events", content=body, headers=headers))

    def get(self, path: str, **query: str) -> Any:
        return self.good(self.http.get(f"/monitoring{path}", params=query))

    def post(self, path: str, **body: Any) -> Any:
        return self.good(self.http.post(f"/monitoring{path}", json=body))

    def put(self, path: str, **body: Any) -> Any:
        return self.good(self.http.put(f"/monitoring{path}", json=body))

    @staticmethod
    def good(response: httpx.Response) -> Any:
        assert response.is_success, response.text
        return response.json()


@pytest.fixture(scope="session")
def log() -> Log:
    return Log()


@pytest.fixture
def start(tmp_path: Path):
    """Starts servers over the same state; use as a context manager."""
    from contextlib import contextmanager

    @contextmanager
    def run(settings=None, **more) -> Iterator[Server]:
        with (
            run_piece(piece, settings, state=tmp_path / "state", **more) as running,
            httpx.Client(base_url=running.url, timeout=30) as http,
            Client(running.url) as client,
        ):
            yield Server(http, running.addresses, client)

    return run


@pytest.fixture
def server(start) -> Iterator[Server]:
    with start() as running:
        yield running
