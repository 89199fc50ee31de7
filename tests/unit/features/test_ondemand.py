"""On-demand views: what they need, what they refuse, and how a server answers them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from dovetail.features import (
    Entity,
    FeatureService,
    LatestView,
    OnDemandView,
    PushSource,
    collect,
    training_set,
)
from dovetail.features.errors import DefinitionError, RowsError
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import run_piece

T = datetime(2024, 3, 6, 12, tzinfo=UTC)
SKY = LatestView(
    "sky", entities=[Entity("origin")], source=PushSource("weather", event_time="at"),
    features=["temp", "visib"],
)  # fmt: skip
TRIP = OnDemandView(
    "trip", request={"miles": float, "asked_at": datetime}, inputs=[SKY],
    features={"effort": "miles / nullif(visib, 0)", "hour": "hour(asked_at)"},
)  # fmt: skip
DEFINITIONS = """
from datetime import datetime
from dovetail.features import Entity, FeatureService, LatestView, OnDemandView, PushSource
sky = LatestView(
    "sky", entities=[Entity("origin")], source=PushSource("weather", event_time="at"),
    features=["temp", "visib"],
)
trip = OnDemandView(
    "trip", request={"miles": float, "asked_at": datetime}, inputs=[sky],
    features={"effort": "miles / nullif(visib, 0)", "hour": "hour(asked_at)"},
)
service = FeatureService("service", [trip, sky[["temp"]]])
"""


def test_a_training_set_holds_what_is_computed_of_questions() -> None:
    weather = pl.DataFrame(
        {"origin": ["JFK", "LGA"], "at": [T, T], "temp": [40, 41], "visib": [8, 0]}
    )
    asked = pl.DataFrame(
        {"origin": ["JFK", "LGA", "EWR"], "miles": [100, 7, 7], "asked_at": [T] * 3}
    )
    service = FeatureService("s", [TRIP])
    got = training_set(asked, service, collect([service]), frames={"weather": weather})
    assert got.columns == ["origin", "miles", "asked_at", "effort", "hour"]
    assert got["effort"].to_list() == [12.5, None, None]
    assert got["hour"].to_list() == [12.0] * 3


def test_the_time_of_asking_may_have_another_name() -> None:
    weather = pl.DataFrame({"origin": ["JFK"], "at": [T], "temp": [40], "visib": [8]})
    asked = pl.DataFrame({"origin": ["JFK"], "miles": [100], "when": [T]})
    got = training_set(
        asked, ["trip:hour"], collect([TRIP]), asked="when", frames={"weather": weather}
    )
    assert got["hour"].to_list() == [12.0]
    with pytest.raises(RowsError, match=r"'miles'., which on-demand view 'trip' needs"):
        training_set(
            asked.drop("miles"), ["trip:hour"], collect([TRIP]), asked="when",
            frames={"weather": weather},
        )  # fmt: skip


def test_a_server_computes_with_what_the_question_brings(tmp_path: Path) -> None:
    file = tmp_path / "features.py"
    file.write_text(DEFINITIONS)
    with run_piece(piece, FeatureSettings(definitions=str(file)), state=tmp_path) as server:
        row = {"origin": ["JFK"], "at": [T.isoformat()], "temp": [40], "visib": [8]}
        httpx.post(f"{server.url}/push", json={"push_source_name": "weather", "df": row})
        asked: dict[str, Any] = {
            "feature_service": "service",
            "entities": {"origin": ["JFK", "EWR"], "miles": [100, 7]},
            "as_of": T.isoformat(),
        }
        answer = httpx.post(f"{server.url}/get-online-features", json=asked).json()
        found = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
        assert found["effort"]["values"] == [12.5, None]
        assert found["effort"]["statuses"] == ["PRESENT", "NULL_VALUE"]
        assert found["hour"]["values"] == [12.0, 12.0]
        assert found["temp"]["statuses"] == ["PRESENT", "NOT_FOUND"]
        del asked["entities"]["miles"]
        refused = httpx.post(f"{server.url}/get-online-features", json=asked)
        assert refused.status_code == 422
        assert "The question lacks 'miles', which 'trip' needs" in refused.text
        asked["entities"]["miles"] = ["far", 1]
        refused = httpx.post(f"{server.url}/get-online-features", json=asked)
        assert "'miles' holds 'far', which is not a number" in refused.text


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"features": {"x": "y + 1"}}, "uses 'y', which is neither requested nor a feature"),
        ({"features": ["x"]}, "needs expressions by name, or names and compute="),
        ({"features": {"x": "a"}, "request": {"a": list}}, "of a type that is not known"),
        (
            {"features": {"x": "temp"}, "request": {"temp": float}, "inputs": [SKY]},
            "requests 'temp', which is a feature too",
        ),
    ],
)
def test_views_that_mean_nothing_say_why(view: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        OnDemandView("v", **view)


def test_a_function_that_fails_names_its_view() -> None:
    view = OnDemandView("v", request={"a": int}, features=["x"], compute=lambda row: {})
    asked = pl.DataFrame({"a": [1], "asked_at": [T]})
    with pytest.raises(RowsError, match=r"The function of on-demand view 'v' fails\. KeyError"):
        training_set(asked, ["v:x"], collect([view]))
