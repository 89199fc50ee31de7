"""Feast's own SDK reads from and writes to our feature server, unchanged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dovetail.base.clock import ManualClock
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import RunningApp, run_piece

pytestmark = [
    pytest.mark.compat,
    pytest.mark.filterwarnings("ignore"),
]
feast = pytest.importorskip("feast")

NOW = datetime(2024, 4, 1, 12, tzinfo=UTC)
DEFINITIONS = """
from dovetail.features import Count, DeltaSource, Entity, FeatureService, LatestView, WindowView

driver = Entity("driver", ["driver_id"])
trips = DeltaSource("trips", path="trips", event_time="event_timestamp", id="trip")
state = DeltaSource("state", path="state", event_time="event_timestamp")
stats = LatestView("stats", entities=[driver], source=state, features=["rate", "name"], ttl="1d")
busy = WindowView(
    "busy", entities=[driver], source=trips, tile="1h", windows=["24h"], aggregations=[Count()]
)
svc = FeatureService("svc", [stats, busy])
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningApp]:
    path = tmp_path / "features.py"
    path.write_text(DEFINITIONS)
    settings = FeatureSettings(definitions=str(path))
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOW)) as running:
        yield running


def store(server: RunningApp, tmp_path: Path) -> Any:
    config = feast.RepoConfig(
        project="flights",
        provider="local",
        registry=str(tmp_path / "registry.db"),
        online_store={"type": "remote", "path": server.url},
        offline_store={"type": "dask"},
        entity_key_serialization_version=3,
        repo_path=str(tmp_path),
    )
    return feast.FeatureStore(config=config)


def applied(server: RunningApp, tmp_path: Path) -> Any:
    """A Feast store whose registry knows the view, as writing through the SDK needs."""
    from feast.types import Float64, Int64, String

    fs = store(server, tmp_path)
    driver = feast.Entity(name="driver", join_keys=["driver_id"], value_type=feast.ValueType.INT64)
    batch = feast.FileSource(
        name="state_batch", path=str(tmp_path / "x.parquet"), timestamp_field="event_timestamp"
    )
    view = feast.FeatureView(
        name="stats",
        entities=[driver],
        ttl=timedelta(days=1),
        schema=[
            feast.Field(name="driver_id", dtype=Int64),
            feast.Field(name="rate", dtype=Float64),
            feast.Field(name="name", dtype=String),
        ],
        source=feast.PushSource(name="state", batch_source=batch),
    )
    fs.registry.apply_entity(driver, "flights")
    fs.registry.apply_feature_view(view, "flights")
    return fs


def rows(**columns: list[Any]) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)


def test_an_empty_registry_is_enough_to_read(server: RunningApp, tmp_path: Path) -> None:
    import httpx

    body = {
        "push_source_name": "state",
        "df": {
            "driver_id": [1, 2],
            "event_timestamp": ["2024-04-01T11:00:00", "2024-03-01T11:00:00"],
            "rate": [0.5, 0.7],
            "name": ["Ann", "Bob"],
        },
    }
    assert httpx.post(server.url + "/push", json=body).status_code == 200
    answer = store(server, tmp_path).get_online_features(
        features=["stats:rate", "stats:name", "busy:count_24h"],
        entity_rows=[{"driver_id": 1}, {"driver_id": 2}, {"driver_id": 3}],
    )
    assert answer.to_dict() == {
        "driver_id": [1, 2, 3],
        "rate": [0.5, None, None],
        "name": ["Ann", None, None],
        "count_24h": [0, 0, 0],
    }


def test_what_the_sdk_pushes_is_served(server: RunningApp, tmp_path: Path) -> None:
    fs = applied(server, tmp_path)
    frame = rows(
        driver_id=[7],
        event_timestamp=[datetime(2024, 4, 1, 11, tzinfo=UTC)],
        rate=[0.25],
        name=["Eve"],
    )
    fs.push("state", frame)
    older = frame.assign(event_timestamp=[datetime(2024, 4, 1, 3, tzinfo=UTC)], rate=[0.9])
    fs.write_to_online_store("stats", older)
    answer = fs.get_online_features(features=["stats:rate"], entity_rows=[{"driver_id": 7}])
    assert answer.to_dict() == {"driver_id": [7], "rate": [0.25]}


def test_an_unknown_view_raises_feasts_own_error(server: RunningApp, tmp_path: Path) -> None:
    from feast.errors import FeatureViewNotFoundException

    with pytest.raises(FeatureViewNotFoundException, match="Feature view absent does not exist"):
        store(server, tmp_path).get_online_features(
            features=["absent:rate"], entity_rows=[{"driver_id": 1}]
        )


def test_the_sdk_materializes_through_us(server: RunningApp, tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame(
        {
            "driver_id": [9],
            "event_timestamp": [datetime(2024, 4, 1, 10, tzinfo=UTC)],
            "rate": [0.1],
            "name": ["Kim"],
        }
    ).write_delta(tmp_path / "state")
    fs = applied(server, tmp_path)
    fs.materialize(datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 4, 2, tzinfo=UTC), ["stats"])
    answer = fs.get_online_features(features=["stats:name"], entity_rows=[{"driver_id": 9}])
    assert answer.to_dict() == {"driver_id": [9], "name": ["Kim"]}


def with_our_registry(server: RunningApp, tmp_path: Path) -> Any:
    """A Feast store whose registry is the file that our server hands out."""
    import httpx

    found = httpx.get(server.url + "/registry.db?project=flights")
    assert found.status_code == 200
    (tmp_path / "registry.db").write_bytes(found.content)
    return store(server, tmp_path)


def test_the_sdk_works_by_service_with_the_registry_of_our_server(
    server: RunningApp, tmp_path: Path
) -> None:
    import polars as pl

    columns = {
        "driver_id": [9],
        "event_timestamp": [datetime(2024, 4, 1, 10, tzinfo=UTC)],
        "rate": [0.1],
        "name": ["Kim"],
    }
    pl.DataFrame(columns).write_delta(tmp_path / "state")
    fs = with_our_registry(server, tmp_path)
    assert [view.name for view in fs.list_feature_views()] == ["stats", "busy"]
    assert [(e.name, e.join_key) for e in fs.list_entities()] == [("driver", "driver_id")]
    stats = fs.get_feature_view("stats")
    assert stats.ttl == timedelta(days=1)
    assert [(f.name, str(f.dtype)) for f in stats.features] == [
        ("rate", "Float64"),
        ("name", "String"),
    ]
    fs.materialize(datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 4, 2, tzinfo=UTC), ["stats"])
    now = datetime(2024, 4, 1, 11, tzinfo=UTC)
    fs.push("state", rows(driver_id=[7], event_timestamp=[now], rate=[0.25], name=["Eve"]))
    written = rows(driver_id=[8], event_timestamp=[now], rate=[0.5], name=["Ann"])
    fs.write_to_online_store("stats", written)
    answer = fs.get_online_features(
        features=fs.get_feature_service("svc"),
        entity_rows=[{"driver_id": number} for number in (7, 8, 9, 10)],
    )
    assert answer.to_dict() == {
        "driver_id": [7, 8, 9, 10],
        "rate": [0.25, 0.5, 0.1, None],
        "name": ["Eve", "Ann", "Kim", None],
        "count_24h": [0, 0, 0, 0],
    }


def test_the_sdk_reads_back_what_the_command_writes(server: RunningApp, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from dovetail.features.cli import commands

    out = tmp_path / "registry.db"
    arguments = [
        "registry",
        str(tmp_path / "features.py"),
        "--out",
        str(out),
        "--project",
        "flights",
    ]
    assert CliRunner().invoke(commands, arguments).exit_code == 0
    service = store(server, tmp_path).get_feature_service("svc")
    named = {p.name: [f.name for f in p.features] for p in service.feature_view_projections}
    assert named == {"stats": ["rate", "name"], "busy": ["count_24h"]}


def test_features_on_demand_through_the_sdk(tmp_path: Path) -> None:
    import polars as pl

    path = tmp_path / "features.py"
    path.write_text(
        DEFINITIONS.replace("Count, DeltaSource", "Count, DeltaSource, OnDemandView")
        + "plus = OnDemandView('plus', inputs=[stats], request={'amount': float},\n"
        "    features={'paid': 'rate * amount', 'is_large': 'amount > 100'})\n"
        "more = FeatureService('more', [stats, plus])\n"
    )
    pl.DataFrame(
        {"driver_id": [1], "event_timestamp": [NOW], "rate": [0.1], "name": ["Kim"]}
    ).write_delta(tmp_path / "state")  # tells the types of columns
    settings = FeatureSettings(definitions=str(path))
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOW)) as server:
        fs = with_our_registry(server, tmp_path)
        now = datetime(2024, 4, 1, 11, tzinfo=UTC)
        fs.push("state", rows(driver_id=[7], event_timestamp=[now], rate=[0.25], name=["Eve"]))
        asked = [{"driver_id": 7, "amount": 200.0}, {"driver_id": 8, "amount": 4.0}]
        expected = {"paid": [50.0, None], "is_large": [True, False]}
        for features in (["plus:paid", "plus:is_large"], fs.get_feature_service("more")):
            answer = fs.get_online_features(features=features, entity_rows=asked).to_dict()
            assert {name: answer[name] for name in expected} == expected
