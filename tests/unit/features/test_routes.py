"""Feast's feature server over HTTP: shapes, statuses, errors, restarts, repeats."""

import json
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

NOW = datetime(2013, 4, 1, 12, 30, tzinfo=UTC)
WEATHER = {
    "origin": ["JFK", "EWR"],
    "hour": ["2013-04-01T12:00:00", "2013-04-01T05:00:00Z"],
    "published": ["2013-04-01T12:05:00Z", "2013-04-01T05:05:00Z"],
    "temp": [40.5, 41.0],
    "visib": [None, 10],
}
DEPARTURES = {
    "flight": ["UA1", "UA2", "AA1"],
    "origin": ["JFK", "JFK", "EWR"],
    "carrier": ["UA", "UA", "AA"],
    "tailnum": ["N1", "N2", "N1"],
    "left": ["2013-04-01T11:10:00Z", "2013-04-01T11:20:00Z", "2013-04-01T12:10:00Z"],
    "reported": ["2013-04-01T11:11:00Z", "2013-04-01T11:21:00Z", "2013-04-01T12:11:00Z"],
    "delay": [20, 5, 7],
}


@pytest.fixture
def settings(definitions_file: Path) -> FeatureSettings:
    return FeatureSettings(definitions=str(definitions_file))


@pytest.fixture
def server(tmp_path: Path, settings: FeatureSettings) -> Iterator[RunningApp]:
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOW)) as running:
        yield running


def push(server: RunningApp, source: str, columns: dict[str, Any], to: str = "online") -> None:
    body = {"push_source_name": source, "df": columns, "to": to}
    answer = httpx.post(server.url + "/push", json=body)
    assert (answer.status_code, answer.content) == (200, b""), answer.text


def ask(server: RunningApp, features: list[str], **more: Any) -> dict[str, Any]:
    body = {"features": features, **more}
    answer = httpx.post(server.url + "/get-online-features", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_answer_is_columnar_with_statuses(server: RunningApp) -> None:
    push(server, "weather", WEATHER)
    answer = ask(server, ["sky:temp", "sky:visib"], entities={"origin": ["JFK", "EWR", "LGA"]})
    none = "1970-01-01T00:00:00Z"
    times = ["2013-04-01T12:00:00Z", "2013-04-01T05:00:00Z", none]
    assert answer == {
        "results": [
            {
                "values": ["JFK", "EWR", "LGA"],
                "statuses": ["PRESENT"] * 3,
                "event_timestamps": [none] * 3,
            },
            {
                "values": [40.5, None, None],
                "statuses": ["PRESENT", "OUTSIDE_MAX_AGE", "NOT_FOUND"],
                "event_timestamps": times,
            },
            {
                "values": [None, None, None],
                "statuses": ["NULL_VALUE", "OUTSIDE_MAX_AGE", "NOT_FOUND"],
                "event_timestamps": times,
            },
        ],
        "metadata": {"feature_names": ["origin", "temp", "visib"]},
    }


def test_full_names_and_view_metadata(server: RunningApp) -> None:
    answer = ask(
        server,
        ["sky:temp", "traffic:count_1h"],
        entities={"origin": ["JFK"]},
        full_feature_names=True,
        include_feature_view_version_metadata=True,
    )
    assert answer["metadata"] == {
        "feature_names": ["origin", "sky__temp", "traffic__count_1h"],
        "feature_view_metadata": [{"name": "sky"}, {"name": "traffic"}],
    }


def test_as_of_asks_what_was_known_then(server: RunningApp) -> None:
    push(server, "weather", WEATHER)
    push(server, "departures", DEPARTURES)
    features = ["sky:temp", "traffic:count_1h", "last:delay"]
    found = {}
    for moment in ("11:15", "12:04", "12:06", "12:30", "13:00"):
        answer = ask(
            server,
            features,
            entities={"origin": ["JFK"], "tailnum": ["N1"]},
            as_of=f"2013-04-01T{moment}:00Z",
        )
        found[moment] = tuple(r["values"][0] for r in answer["results"][2:])
    assert found == {
        "11:15": (None, 0, 20),
        "12:04": (None, 2, 20),
        "12:06": (40.5, 2, 20),
        "12:30": (40.5, 2, 7),
        "13:00": (40.5, 0, 7),
    }


def test_pushing_again_and_pushing_older_rows_changes_nothing(server: RunningApp) -> None:
    keys = {"origin": ["JFK"], "tailnum": ["N1"], "carrier": ["UA"]}
    push(server, "departures", DEPARTURES)
    push(server, "weather", WEATHER)
    before = httpx.post(
        server.url + "/get-online-features",
        json={"feature_service": "flights", "entities": keys},
    ).json()
    push(server, "departures", DEPARTURES)
    older = {"hour": ["2013-04-01T11:00:00Z"], "published": ["2013-04-01T12:20:00Z"]}
    push(server, "weather", {"origin": ["JFK"], "temp": [99], "visib": [9], **older})
    after = httpx.post(
        server.url + "/get-online-features",
        json={"feature_service": "flights", "entities": keys},
    ).json()
    assert after == before
    freshness = httpx.get(server.url + "/features.json").json()["sources"]
    assert [(s["name"], s["rows"], s["repeats"]) for s in freshness] == [
        ("weather", 3, 0),
        ("departures", 3, 3),
        ("planes", 0, 0),
    ]


def test_a_restart_forgets_nothing(tmp_path: Path, settings: FeatureSettings) -> None:
    keys = {"origin": ["JFK", "EWR"], "tailnum": ["N1", "N2"], "carrier": ["UA", "AA"]}
    answers = []
    for start in range(2):
        with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOW)) as server:
            if start == 0:
                push(server, "departures", DEPARTURES)
                push(server, "weather", WEATHER)
                push(server, "planes", {"tailnum": ["N1"], "built": ["1999-01-01"], "seats": [99]})
            body = {"feature_service": "flights", "entities": keys}
            answers.append(httpx.post(server.url + "/get-online-features", json=body).json())
    assert answers[1] == answers[0]
    assert answers[0]["results"][-1]["values"] == [99, None]


BAD = [
    ("/get-online-features", {"features": ["absent:x"], "entities": {}}, 404, "view absent"),
    (
        "/get-online-features",
        {"feature_service": "absent", "entities": {"origin": ["JFK"]}},
        404,
        "service absent",
    ),
    (
        "/get-online-features",
        {"features": ["sky:absent"], "entities": {"origin": ["JFK"]}},
        404,
        "no feature 'absent'",
    ),
    ("/get-online-features", {"features": ["sky:temp"]}, 422, "entities"),
    (
        "/get-online-features",
        {"features": ["sky:temp"], "entities": {"wrong": ["JFK"]}},
        422,
        "lack the join keys ['origin']",
    ),
    (
        "/get-online-features",
        {"features": ["sky:temp"], "entities": {"origin": [["JFK"]]}},
        422,
        "Key 'origin' holds ['JFK']",
    ),
    (
        "/get-online-features",
        {"features": ["sky:temp"], "entities": {"origin": ["JFK"]}, "as_of": "soon"},
        422,
        "as_of",
    ),
    ("/push", {"push_source_name": "absent", "df": {}}, 404, "Push source absent"),
    ("/push", {"push_source_name": "weather", "df": {"origin": ["JFK"]}}, 422, "lack the columns"),
    (
        "/push",
        {"push_source_name": "weather", "df": {**WEATHER, "hour": ["x", "y"]}},
        422,
        "hour 'x' is not a time",
    ),
    (
        "/push",
        {"push_source_name": "departures", "df": {**DEPARTURES, "delay": [1, "b", 2]}},
        422,
        "not a finite number",
    ),
    (
        "/push",
        {"push_source_name": "departures", "df": {**DEPARTURES, "flight": ["a", None, "b"]}},
        422,
        "Id column 'flight' holds None",
    ),
    (
        "/push",
        {"push_source_name": "weather", "df": {**WEATHER, "temp": [1]}},
        422,
        "differ in length",
    ),
    ("/materialize", {"start_ts": "x", "end_ts": "y"}, 422, "start_ts 'x' is not a time"),
]


@pytest.mark.parametrize(("path", "body", "status", "text"), BAD, ids=[f"{b[3]}" for b in BAD])
def test_errors_have_feasts_shapes(
    server: RunningApp, path: str, body: dict[str, Any], status: int, text: str
) -> None:
    answer = httpx.post(server.url + path, json=body)
    assert answer.status_code == status
    if status == 404:
        detail = json.loads(answer.json())
        assert detail["module"] == "feast.errors"
        assert text in detail["message"]
    else:
        assert text in answer.json()["detail"][0]["msg"]


def test_a_table_is_materialized_once_and_again(server: RunningApp, tmp_path: Path) -> None:
    stamps = [pl.col(c).str.to_datetime(time_zone="UTC") for c in ("left", "reported")]
    frame = pl.DataFrame(DEPARTURES).with_columns(stamps)
    frame.write_delta(tmp_path / "departures")
    push(server, "departures", {k: v[:1] for k, v in DEPARTURES.items()})
    span = {"start_ts": "2013-04-01T00:00:00Z", "end_ts": "2013-04-02T00:00:00Z"}
    for _ in range(2):
        body = {**span, "feature_views": ["traffic", "last"]}
        answer = httpx.post(server.url + "/materialize", json=body)
        assert (answer.status_code, answer.json()) == (200, None), answer.text
    answer = ask(
        server,
        ["traffic:count_3h", "traffic:delay_sum_3h", "last:delay"],
        entities={"origin": ["JFK"], "tailnum": ["N1"]},
        as_of="2013-04-01T13:00:00Z",
    )
    assert [r["values"][0] for r in answer["results"][2:]] == [2, 25.0, 7]


def test_offline_push_reaches_the_table(server: RunningApp, tmp_path: Path) -> None:
    push(server, "weather", WEATHER, to="online_and_offline")
    push(server, "departures", DEPARTURES, to="offline")
    assert pl.read_delta(str(tmp_path / "weather"))["temp"].to_list() == [40.5, 41.0]
    assert pl.read_delta(str(tmp_path / "departures")).height == 3
    answer = ask(server, ["sky:temp", "traffic:count_3h"], entities={"origin": ["JFK"]})
    assert [r["values"][0] for r in answer["results"][1:]] == [40.5, 0]


def test_written_rows_of_a_view_are_served(server: RunningApp) -> None:
    body = {
        "feature_view_name": "sky",
        "df": {
            "origin": ["LGA"],
            "temp": [50.0],
            "visib": [3],
            "event_timestamp": ["2013-04-01T12:00:00"],
            "created": [None],
        },
        "allow_registry_cache": False,
    }
    answer = httpx.post(server.url + "/write-to-online-store", json=body)
    assert (answer.status_code, answer.json()) == (200, None), answer.text
    assert ask(server, ["sky:temp"], entities={"origin": ["LGA"]})["results"][1]["values"] == [50.0]


@pytest.mark.parametrize("path", ["/features", "/features/views/traffic?origin=JFK"])
def test_pages_answer_and_have_a_twin(server: RunningApp, path: str) -> None:
    push(server, "departures", DEPARTURES)
    page = httpx.get(server.url + path)
    assert page.status_code == 200
    assert "traffic" in page.text
    head, question, query = path.partition("?")
    twin = httpx.get(f"{server.url}{head}.json{question}{query}")
    assert twin.headers["content-type"] == "application/json"


def test_a_row_without_a_time_of_knowing_became_known_when_it_happened(server: RunningApp) -> None:
    """Feast's SDK sends null for the column of creation."""
    row = {
        "origin": ["JFK"],
        "event_timestamp": ["2013-04-01T12:00:00"],
        "published": [None],
        "temp": [41.5],
        "visib": [9],
    }
    body = {"feature_view_name": "sky", "df": row}
    assert httpx.post(server.url + "/write-to-online-store", json=body).status_code == 200
    answer = ask(server, ["sky:temp"], entities={"origin": ["JFK"]})
    assert answer["results"][1]["values"] == [41.5]
