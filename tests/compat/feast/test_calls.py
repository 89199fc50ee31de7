"""The 26 calls that were recorded of Feast's feature server, answered by ours.

Statuses are Feast's own; where Feast answers 500 to what a client got wrong it is 4xx here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import polars as pl
import pytest

from dovetail.base.clock import ManualClock
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import RunningApp, run_piece

pytestmark = pytest.mark.compat

FEATURES = [f"f{number}" for number in range(10)]
BORN = datetime(2024, 3, 1, tzinfo=UTC)
DEFINITIONS = f"""
from dovetail.features import DeltaSource, Entity, FeatureService, LatestView, ParquetSource

k, names = Entity("k"), {FEATURES!r}
table = ParquetSource("table", path="table.parquet", event_time="event_timestamp")
tiny = ParquetSource("tiny", path="table.parquet", event_time="event_timestamp")
psrc = DeltaSource("psrc", path="psrc", event_time="event_timestamp")
o = LatestView("o", entities=[k], source=table, features=names)
small = LatestView("small", entities=[k], source=tiny, features=names)
pv = LatestView("pv", entities=[k], source=psrc, features=names)
svc = FeatureService("svc", [o])
"""
NONE = "1970-01-01T00:00:00Z"
LOOK_UP = "/get-online-features"
ROW = {
    "k": ["N0000001"],
    "event_timestamp": ["2024-04-01T00:00:00"],
    **{name: [1.5] for name in FEATURES},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("calls")
    (folder / "features.py").write_text(DEFINITIONS)
    rows = {"k": [f"N{n:07d}" for n in range(5)], "event_timestamp": [BORN] * 5}
    rows |= {name: [n + at / 10 for n in range(5)] for at, name in enumerate(FEATURES)}
    pl.DataFrame(rows).write_parquet(folder / "table.parquet")
    settings = FeatureSettings(definitions=str(folder / "features.py"))
    clock = ManualClock(datetime(2025, 12, 1, tzinfo=UTC))
    with run_piece(piece, settings, state=folder / "state", clock=clock) as running:
        body = {"start_ts": "2024-01-01T00:00:00", "end_ts": "2024-12-01T00:00:00"}
        done = httpx.post(running.url + "/materialize", json={**body, "feature_views": ["o"]})
        assert done.status_code == 200, done.text
        yield running


def post(server: RunningApp, path: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(server.url + path, json=body, timeout=30)


def look_up(server: RunningApp, **body: Any) -> httpx.Response:
    return post(server, LOOK_UP, body)


def cells(answer: httpx.Response) -> dict[str, list[tuple[Any, str, str]]]:
    """Return by feature what is said of each entity: value, status, time."""
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert set(found) == {"results", "metadata"}
    return {
        name: list(zip(r["values"], r["statuses"], r["event_timestamps"], strict=True))
        for name, r in zip(found["metadata"]["feature_names"], found["results"], strict=True)
    }


def refused(answer: httpx.Response, status: int) -> None:
    """An error that is the client's, said in words."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()


def test_call_health(server: RunningApp) -> None:
    answer = httpx.get(server.url + "/health")
    assert (answer.status_code, answer.content) == (200, b"")


def test_call_features_of_a_known_and_an_unknown_key(server: RunningApp) -> None:
    answer = look_up(server, features=["o:f0", "o:f1"], entities={"k": ["N0000001", "nope"]})
    at = "2024-03-01T00:00:00Z"
    assert cells(answer) == {
        "k": [("N0000001", "PRESENT", NONE), ("nope", "PRESENT", NONE)],
        "f0": [(1.0, "PRESENT", at), (None, "NOT_FOUND", NONE)],
        "f1": [(1.1, "PRESENT", at), (None, "NOT_FOUND", NONE)],
    }


def test_call_full_feature_names(server: RunningApp) -> None:
    asked = {"features": ["o:f0"], "entities": {"k": ["N0000001"]}}
    assert list(cells(look_up(server, **asked, full_feature_names=True))) == ["k", "o__f0"]


def test_call_version_metadata(server: RunningApp) -> None:
    asked = {"features": ["o:f0"], "entities": {"k": ["N0000001"]}}
    answer = look_up(server, **asked, include_feature_view_version_metadata=True)
    assert answer.json()["metadata"] == {
        "feature_names": ["k", "f0"],
        "feature_view_metadata": [{"name": "o"}],
    }


def test_call_feature_service(server: RunningApp) -> None:
    found = cells(look_up(server, feature_service="svc", entities={"k": ["N0000002"]}))
    assert list(found) == ["k", *FEATURES]
    assert found["f9"][0][:2] == (2.9, "PRESENT")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"feature_service": "absent", "entities": {"k": ["N0000002"]}}, 404),
        ({"features": ["absent:f0"], "entities": {"k": ["N0000001"]}}, 404),
        ({"features": ["o:absent"], "entities": {"k": ["N0000001"]}}, 404),
        ({"features": ["o:f0"], "entities": {"wrong": ["N0000001"]}}, 422),
        ({"features": ["o:f0"]}, 422),
    ],
    ids=["service", "view", "feature", "key", "no entities"],
)
def test_call_of_what_is_not_there(server: RunningApp, asked: dict[str, Any], status: int) -> None:
    refused(look_up(server, **asked), status)


def test_call_key_of_another_type(server: RunningApp) -> None:
    answer = look_up(server, features=["o:f0"], entities={"k": [5]})
    assert cells(answer)["f0"] == [(None, "NOT_FOUND", NONE)]


def test_call_no_keys(server: RunningApp) -> None:
    assert cells(look_up(server, features=["o:f0"], entities={"k": []})) == {"k": [], "f0": []}


def test_calls_push(server: RunningApp) -> None:
    """Two pushes, the second of older rows, and the lookups after each."""
    now = {"push_source_name": "psrc", "df": {**ROW, "k": ["P1"]}, "to": "online"}
    answer = post(server, "/push", now)
    assert (answer.status_code, answer.content) == (200, b"")
    asked = {"features": ["pv:f0"], "entities": {"k": ["P1"]}}
    newest = [(1.5, "PRESENT", "2024-04-01T00:00:00Z")]
    assert cells(look_up(server, **asked))["f0"] == newest
    older = {**now["df"], "event_timestamp": ["2020-01-01T00:00:00"], "f0": [99.0]}  # type: ignore[dict-item]
    assert post(server, "/push", {**now, "df": older}).status_code == 200
    assert cells(look_up(server, **asked))["f0"] == newest


def test_call_push_to_an_unknown_source(server: RunningApp) -> None:
    refused(post(server, "/push", {"push_source_name": "absent", "df": ROW, "to": "online"}), 404)


def test_call_push_that_lacks_columns(server: RunningApp) -> None:
    body = {"push_source_name": "psrc", "df": {"k": ["P1"]}, "to": "online"}
    refused(post(server, "/push", body), 422)


def test_call_push_online_and_offline(server: RunningApp) -> None:
    body = {"push_source_name": "psrc", "df": {**ROW, "k": ["P9"]}, "to": "online_and_offline"}
    answer = post(server, "/push", body)
    assert (answer.status_code, answer.content) == (200, b"")
    asked = look_up(server, features=["pv:f0"], entities={"k": ["P9"]})
    assert cells(asked)["f0"][0][:2] == (1.5, "PRESENT")


def test_calls_write_to_the_online_store(server: RunningApp) -> None:
    row = {**ROW, "k": ["N0000004"]}
    answer = post(server, "/write-to-online-store", {"feature_view_name": "o", "df": row})
    assert (answer.status_code, answer.content) == (200, b"null")
    asked = look_up(server, features=["o:f0"], entities={"k": ["N0000004"]})
    assert cells(asked)["f0"] == [(1.5, "PRESENT", "2024-04-01T00:00:00Z")]


def test_calls_materialize(server: RunningApp) -> None:
    """Of a span, then of what came since, and a lookup."""
    body = {"end_ts": "2024-12-01T00:00:00", "feature_views": ["small"]}
    answer = post(server, "/materialize", {"start_ts": "2024-01-01T00:00:00", **body})
    assert (answer.status_code, answer.content) == (200, b"null")
    answer = post(server, "/materialize-incremental", {**body, "end_ts": "2025-12-01T00:00:00"})
    assert (answer.status_code, answer.content) == (200, b"null")
    asked = look_up(server, features=["small:f0"], entities={"k": ["N0000001"]})
    assert cells(asked)["f0"] == [(1.0, "PRESENT", "2024-03-01T00:00:00Z")]


def test_call_materialize_without_times(server: RunningApp) -> None:
    refused(post(server, "/materialize", {"start_ts": "x", "end_ts": "y"}), 422)


def test_call_openapi(server: RunningApp) -> None:
    answer = httpx.get(server.url + "/openapi.json")
    assert answer.status_code == 200
    assert {LOOK_UP, "/push", "/materialize"} <= set(answer.json()["paths"])
