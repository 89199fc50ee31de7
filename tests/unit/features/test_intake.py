"""Rows as CloudEvents: counted once, in the table too where asked, all of a request or nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from dovetail.base.clock import ManualClock
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import RunningApp, run_piece
from dovetail.wire import cloudevents

NOW = datetime(2013, 4, 1, 12, 30, tzinfo=UTC)
AT = datetime(2013, 4, 1, 11, 10, tzinfo=UTC)
ROW = {"origin": "JFK", "carrier": "UA", "tailnum": "N1", "delay": 20}


@pytest.fixture
def server(tmp_path: Path, definitions_file: Path) -> Iterator[RunningApp]:
    settings = FeatureSettings(definitions=str(definitions_file))
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOW)) as running:
        yield running


def event(identity: str, data: Any = None, subject: str = "departures") -> cloudevents.Event:
    data = ROW if data is None else data
    return cloudevents.Event(
        id=identity, source="/gates", type="departed", subject=subject, time=AT, data=data
    )


def send(server: RunningApp, *events: cloudevents.Event, to: str = "online") -> httpx.Response:
    headers, body = cloudevents.encode_batch(events)
    url = f"{server.url}/features/events?to={to}"
    return httpx.post(url, content=body, headers=headers)


def count(server: RunningApp) -> int:
    body = {"features": ["traffic:count_3h"], "entities": {"origin": ["JFK"]}}
    answer = httpx.post(server.url + "/get-online-features", json=body).json()
    return int(answer["results"][1]["values"][0])


def test_an_event_that_is_delivered_twice_counts_once(server: RunningApp) -> None:
    assert send(server, event("1"), event("2")).json() == {"new": 2}
    assert send(server, event("2"), event("3")).json() == {"new": 1}
    assert count(server) == 3
    headers, body = cloudevents.encode_binary(event("4"))
    one = httpx.post(server.url + "/features/events", content=body, headers=headers)
    assert (one.json(), count(server)) == ({"new": 1}, 4)


def test_the_table_gets_them_too_where_asked(server: RunningApp, tmp_path: Path) -> None:
    assert send(server, event("1"), to="online_and_offline").json() == {"new": 1}
    table = pl.read_delta(str(tmp_path / "departures"))
    assert table.select("flight", "left", "reported").rows() == [("1", AT, AT)]


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        (event("2", {**ROW, "delay": "much"}), 400, "is not a finite number"),
        (event("2", [1]), 400, "is no row"),
        (event("2", {"origin": "JFK"}), 400, "do not have the same columns"),
        (event("2", subject="nowhere"), 404, "nowhere does not exist"),
    ],
    ids=["value", "shape", "columns", "source"],
)
def test_one_wrong_event_leaves_the_others_out_too(
    server: RunningApp, wrong: cloudevents.Event, status: int, said: str
) -> None:
    answer = send(server, event("1"), wrong)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert count(server) == 0


def test_what_are_no_events_is_refused(server: RunningApp) -> None:
    url = server.url + "/features/events"
    kind = {"content-type": "application/cloudevents-batch+json"}
    assert httpx.post(url, content=b"[{}]", headers=kind).status_code == 400
    assert httpx.post(url + "?to=moon", content=b"[]", headers=kind).status_code == 400
