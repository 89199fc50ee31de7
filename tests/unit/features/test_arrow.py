"""The Arrow twin of the lookup, with another library's reader and writer."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from dovetail.base.clock import ManualClock
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import RunningApp, run_piece

pa = pytest.importorskip("pyarrow")
KIND = "application/vnd.apache.arrow.stream"
NOW = datetime(2013, 4, 1, 12, 30, tzinfo=UTC)
SKY = {
    "origin": ["JFK", "EWR"],
    "hour": ["2013-04-01T12:00:00Z", "2013-04-01T05:00:00Z"],
    "published": ["2013-04-01T12:05:00Z", "2013-04-01T05:05:00Z"],
    "temp": [40.5, 41.0],
    "visib": [None, 10],
}


@pytest.fixture
def server(tmp_path: Path, definitions_file: Path) -> Iterator[RunningApp]:
    settings = FeatureSettings(definitions=str(definitions_file))
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOW)) as running:
        body = {"push_source_name": "weather", "df": SKY}
        assert httpx.post(running.url + "/push", json=body).status_code == 200
        yield running


def stream(table: "pa.Table") -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_entities_go_in_and_features_come_out_as_arrow(server: RunningApp) -> None:
    entities = pa.table({"origin": ["JFK", "LGA"]})
    answer = httpx.post(
        server.url + "/get-online-features",
        params={"features": ["sky:temp", "sky:visib"], "statuses": "true"},
        content=stream(entities),
        headers={"content-type": KIND},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, KIND)
    assert pa.ipc.open_stream(answer.content).read_all().to_pydict() == {
        "origin": ["JFK", "LGA"],
        "temp": [40.5, None],
        "temp__status": ["PRESENT", "NOT_FOUND"],
        "visib": [None, None],
        "visib__status": ["NULL_VALUE", "NOT_FOUND"],
    }


def test_json_may_be_answered_with_arrow_and_arrow_with_json(server: RunningApp) -> None:
    url = server.url + "/get-online-features"
    question = {"features": ["sky:temp"], "entities": {"origin": ["JFK"]}}
    answer = httpx.post(url, json=question, headers={"accept": KIND})
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.to_pydict() == {"origin": ["JFK"], "temp": [40.5]}
    assert table.schema.field("temp").type == pa.float64()
    answer = httpx.post(
        url,
        params={"features": "sky:temp", "full_feature_names": "true"},
        content=stream(pa.table({"origin": ["JFK"]})),
        headers={"content-type": KIND, "accept": "application/json"},
    )
    assert answer.json()["metadata"] == {"feature_names": ["origin", "sky__temp"]}


@pytest.mark.parametrize("body", [b"", b"{}", b"ARROW1", b"\xff\xff\xff\xff\x10\x00\x00\x00junk"])
def test_what_is_no_stream_is_refused(server: RunningApp, body: bytes) -> None:
    answer = httpx.post(
        server.url + "/get-online-features?features=sky:temp",
        content=body,
        headers={"content-type": KIND},
    )
    assert answer.status_code == 422, answer.text


def test_the_server_describes_itself(server: RunningApp) -> None:
    found = httpx.get(server.url + "/openapi.json").json()
    schema = found["components"]["schemas"]["GetOnlineFeatures"]
    assert "/get-online-features" in found["paths"]
    assert schema["required"] == ["entities"]
